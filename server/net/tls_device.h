/*
 * tls_device.h - what a client's certificate says, once its chain has been verified. Private to server/net
 */
#ifndef CRM_SERVER_NET_TLS_DEVICE_H
#define CRM_SERVER_NET_TLS_DEVICE_H

#include <openssl/x509.h>

#include "server/session/device.h"

/*
 * Verify what the client has presented against the store of store_context (the authority of devices alone, as of clock_now_us) and read it. Always fills
 * *out_claim, which is given; out_claim->problem says why it is not to be believed.
 */
void tls_device_judge(X509_STORE_CTX *store_context, struct device_claim *out_claim);

#endif
