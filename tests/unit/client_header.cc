// client_header.cc - crm.h is usable from C++: compiled, linked and run by client_install.sh
#include <crm.h>

#include <cstdio>
#include <cstring>

int main()
{
    Crm__PingRequest request = CRM__PING_REQUEST__INIT;
    crm_options options = {};
    crm_client *client = nullptr;
    crm_call *call = nullptr;

    options.host = "127.0.0.1";
    options.port = 1;
    options.ca_file = "/nowhere/ca.pem";
    if (crm_client_create(&options, &client) != CRM_OK)
        return 1;
    if (crm_call_start(client, OP_PING, &request.base, nullptr, &call) != CRM_OK)
        return 1;
    crm_status status = crm_call_wait(call);
    bool says_why = std::strstr(crm_call_error(call)->text, "/nowhere/ca.pem") != nullptr;
    std::printf("%s\n", crm_status_info(status)->name);
    crm_call_destroy(call);
    crm_client_destroy(client);
    return status == CRM_TLS && says_why ? 0 : 1;
}
