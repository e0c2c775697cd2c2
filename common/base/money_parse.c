/*
 * money_parse.c - amounts and decimal numbers as people type them, English and Chinese
 *
 * Called by the command line, import, filters and validation, on any thread. Pure. The number is
 * kept as digits and a power of ten until the currency is known, so that "1.2345k" is exact in
 * cents and "1.2345" is refused.
 */
#include "common/base/money.h"

#include "common/base/typed.h"

#define MICRO_DIGITS 6
#define MANTISSA_MOST                                                                              \
    ((unsigned __int128)INT64_MAX *                                                                \
     1000000000000u) /* anything above is out of range or has too many decimals */
#define CODES_MOST 96

/* mantissa * 10^exponent. */
struct number {
    bool is_negative;
    unsigned __int128 mantissa;
    int exponent;
};

/* A word that multiplies by 10^zeros. The Chinese ones follow each other: 千万, 万亿. */
struct multiplier {
    const char *word;
    int zeros;
};

static const struct multiplier han_multipliers[] = {
    { "百", 2 }, { "千", 3 }, { "仟", 3 }, { "万", 4 }, { "萬", 4 }, { "亿", 8 }, { "億", 8 },
};

/* A currency's sign, in lower case, and the codes that it may stand for: the first unless fallback
 * or a code says which. */
struct currency_sign {
    const char *sign;
    char codes[CODES_MOST];
};

static const struct currency_sign currency_signs[] = {
    { "us$", "USD" },
    { "hk$", "HKD" },
    { "nt$", "TWD" },
    { "$", "USD AUD BBD BMD BND BSD BZD CAD CLP COP FJD HKD JMD MXN NAD NZD SGD TTD TWD" },
    { "¥", "CNY JPY" },
    { "￥", "CNY JPY" }, /* the wide form that Chinese keyboards give */
    { "€", "EUR" },
    { "£", "GBP EGP GIP SHP FKP" },
    { "₹", "INR" },
    { "₩", "KRW" },
    { "₽", "RUB" },
    { "₺", "TRY" },
    { "₫", "VND" },
    { "₪", "ILS" },
    { "฿", "THB" },
    { "元", "CNY TWD HKD" },
    { "円", "JPY" },
    { "rmb", "CNY" },
};

/* Which currency was named, in either way or both: "$5 CAD". */
struct currency_name {
    const struct currency_sign *sign;
    char code[4];
};

static const struct currency_sign *read_sign(const char **at)
{
    typed_skip_blank(at);
    for (size_t i = 0; i < ARRAY_LEN(currency_signs); i++) {
        if (typed_skip(at, currency_signs[i].sign))
            return &currency_signs[i];
    }
    return NULL;
}

static size_t letters(const char *at)
{
    size_t n = 0;

    while (at[n] >= 'a' && at[n] <= 'z')
        n++;
    return n;
}

/* Three letters that are a currency, or may be meant as one. */
static bool read_code(const char **at, char code[4])
{
    typed_skip_blank(at);
    if (letters(*at) != 3)
        return false;
    for (int i = 0; i < 3; i++)
        code[i] = (char)(*(*at)++ - ('a' - 'A'));
    code[3] = '\0';
    return true;
}

/* A sign or a code, whichever is there, each at most once. */
static bool read_currency(const char **at, struct currency_name *name)
{
    const struct currency_sign *sign = read_sign(at);

    if (sign) {
        if (name->sign)
            return false;
        name->sign = sign;
        return true;
    }
    return !name->code[0] && read_code(at, name->code);
}

static void read_minus(const char **at, struct number *number, bool *seen)
{
    typed_skip_blank(at);
    if (*seen || (**at != '-' && **at != '+'))
        return;
    number->is_negative = **at == '-';
    *seen = true;
    ++*at;
    typed_skip_blank(at);
}

static bool push_digit(struct number *number, char digit)
{
    number->mantissa = 10 * number->mantissa + (unsigned)(digit - '0');
    return number->mantissa <= MANTISSA_MOST;
}

/* "1200", "1,200.50", ".5". A comma stands before groups of three only: "1,5" would be read in two
 * ways. */
static bool read_digits(const char **at, struct number *number)
{
    int group = 0;
    int n_groups = 0;
    int n_decimals = 0;

    for (;; ++*at) {
        if (**at >= '0' && **at <= '9') {
            group++;
            if (!push_digit(number, **at))
                return false;
        } else if (**at == ',' && group > 0 && group <= 3 && (n_groups == 0 || group == 3)) {
            n_groups++;
            group = 0;
        } else {
            break;
        }
    }
    if (n_groups > 0 && group != 3)
        return false;
    if (**at != '.')
        return group > 0;

    for (++*at; **at >= '0' && **at <= '9'; ++*at) {
        n_decimals++;
        if (!push_digit(number, **at))
            return false;
    }
    number->exponent = -n_decimals;
    return n_decimals > 0;
}

/* The zeros of the Chinese multiplier at *at, 0 if there is none. */
static int read_han_multiplier(const char **at)
{
    for (size_t i = 0; i < ARRAY_LEN(han_multipliers); i++) {
        if (typed_skip(at, han_multipliers[i].word))
            return han_multipliers[i].zeros;
    }
    return 0;
}

/* k, m and b count only where no currency's code begins: "5 mxn" is no million. */
static void read_multiplier(const char **at, struct number *number)
{
    int zeros = 0;
    size_t n_letters;

    typed_skip_blank(at);
    n_letters = letters(*at);
    if (n_letters == 1 || n_letters == 4) {
        zeros = **at == 'k' ? 3 : **at == 'm' ? 6 : **at == 'b' ? 9 : 0;
        *at += zeros != 0;
    } else {
        for (int more = read_han_multiplier(at); more; more = read_han_multiplier(at))
            zeros += more;
    }
    number->exponent += zeros;
}

/* The number in units of 10^-digits. */
static enum crm_status number_scale(struct number number, int digits, int64_t *out_value,
                                    struct failure *failure)
{
    int exponent = number.exponent + digits;

    while (exponent < 0 && number.mantissa % 10 == 0 && number.mantissa != 0) {
        number.mantissa /= 10;
        exponent++;
    }
    if (exponent < 0 && number.mantissa != 0)
        return fail(failure, CRM_INVALID, NULL, "it has more than %d decimals", digits);
    for (; exponent > 0 && number.mantissa <= INT64_MAX; exponent--)
        number.mantissa *= 10;
    if (number.mantissa > INT64_MAX)
        return fail(failure, CRM_INVALID, NULL, "the number is too large");
    *out_value = number.is_negative ? -(int64_t)number.mantissa : (int64_t)number.mantissa;
    return CRM_OK;
}

static bool sign_may_mean(const struct currency_sign *sign, const char *code)
{
    return strlen(code) == 3 && strstr(sign->codes, code) != NULL;
}

/* The code that was meant. */
static enum crm_status currency_choose(const struct currency_name *name, const char *fallback,
                                       char code[4], struct failure *failure)
{
    memset(code, 0, 4);
    if (name->code[0]) {
        if (!currency_is_known(name->code))
            return fail(failure, CRM_INVALID, NULL, "%s is not a currency", name->code);
        if (name->sign && !sign_may_mean(name->sign, name->code))
            return fail(failure, CRM_INVALID, NULL, "%s is not a sign of %s", name->sign->sign,
                        name->code);
        memcpy(code, name->code, 3);
    } else if (name->sign && !sign_may_mean(name->sign, fallback)) {
        memcpy(code, name->sign->codes, 3);
    } else {
        memcpy(code, fallback, strnlen(fallback, 3));
    }
    return CRM_OK;
}

enum crm_status money_parse(struct slice text, const char *fallback, struct money *out_money,
                            struct failure *failure)
{
    struct currency_name name = { 0 };
    struct number number = { 0 };
    struct money money;
    bool seen_minus = false;
    char typed[TYPED_SIZE];
    const char *at = typed;
    enum crm_status status;

    if (!typed_read(text, typed))
        return typed_refuse(failure, text, "is not an amount of money");

    read_minus(&at, &number, &seen_minus);
    if (*at < '0' || *at > '9') {
        (void)read_currency(&at, &name);
        read_minus(&at, &number, &seen_minus);
    }
    if (!read_digits(&at, &number))
        return typed_refuse(failure, text, "is not an amount of money");
    read_multiplier(&at, &number);
    /* A sign and a code may follow: "5元 CNY". */
    for (typed_skip_blank(&at); *at; typed_skip_blank(&at)) {
        if (!read_currency(&at, &name))
            return typed_refuse(failure, text, "is not an amount of money");
    }

    status = currency_choose(&name, fallback ? fallback : "", money.currency, failure);
    if (status == CRM_OK)
        status = number_scale(number, currency_digits(money.currency), &money.minor, failure);
    if (status == CRM_OK)
        *out_money = money;
    return status;
}

enum crm_status decimal_parse(struct slice text, int64_t *out_micro, struct failure *failure)
{
    struct number number = { 0 };
    bool seen_minus = false;
    char typed[TYPED_SIZE];
    const char *at = typed;

    if (!typed_read(text, typed))
        return typed_refuse(failure, text, "is not a number");
    read_minus(&at, &number, &seen_minus);
    if (!read_digits(&at, &number))
        return typed_refuse(failure, text, "is not a number");
    read_multiplier(&at, &number);
    if (*at)
        return typed_refuse(failure, text, "is not a number");
    return number_scale(number, MICRO_DIGITS, out_micro, failure);
}
