/*
 * words.c - see words.h
 *
 * Legal forms after ISO 20275's list of common abbreviations, streets after the abbreviations of the USPS (Publication 28, appendix C) and their Australian
 * and British neighbours.
 */
#include "common/match/words.h"

#include <stdlib.h>

struct short_form {
    const char *text, *full;
};

static int compare_word(const void *key, const void *element)
{
    return slice_compare(*(const struct slice *)key, slice_text(*(const char *const *)element));
}

/* A table begins with its word, whatever follows it. */
#define LOOK_UP(word, table) bsearch(&(word), (table), ARRAY_LEN(table), sizeof *(table), compare_word)

static const char *const legal_forms[] = {
    "ab", "ag", "aktiengesellschaft", "aps", "as", "asa", "bhd", "bv", "bvba", "ca", "co", "company", "corp", "corporation", "cv", "eg", "ek",
    "ev", "gesellschaft", "ggmbh", "gmbh", "hf", "inc", "incorporated", "jsc", "kabushiki", "kaisha", "kft", "kg", "kgaa", "kk", "limited", "llc",
    "llp", "lp", "ltd", "ltda", "mbh", "naamloze", "nv", "oao", "ohg", "ooo", "oy", "oyj", "plc", "pllc", "private", "psc", "pte", "pty", "publ",
    "pvt", "sa", "sae", "sarl", "sas", "sca", "sdn", "se", "sl", "societa", "societe", "spa", "sprl", "spzoo", "srl", "sro", "trust", "ug",
    "vennootschap", "vof", "zao",
};

static const char *const usual_words[] = {
    "agency", "america", "american", "asia", "asset", "assets", "association", "bank", "bar", "cafe", "capital", "care", "center", "central",
    "centre", "chemical", "chemicals", "child", "children", "church", "city", "club", "college", "communications", "community", "construction",
    "consulting", "development", "digital", "education", "electric", "electronics", "energy", "enterprise", "enterprises", "europa", "europe",
    "european", "family", "films", "finance", "financial", "foods", "foundation", "germany", "global", "grill", "group", "health", "holding",
    "holdings", "holland", "home", "hospital", "hotel", "house", "india", "industrial", "industries", "industry", "inn", "institute", "insurance",
    "international", "investment", "investments", "japan", "kindergarten", "learning", "logistics", "management", "manufacturing", "marketing",
    "media", "medical", "nederland", "netherlands", "network", "new", "partners", "pharma", "pharmaceutical", "pharmaceuticals", "preschool",
    "products", "professional", "program", "project", "properties", "realty", "research", "restaurant", "sales", "school", "science", "sciences",
    "semiconductor", "service", "services", "social", "software", "solution", "solutions", "store", "studio", "supply", "system", "systems",
    "technologie", "technologies", "technology", "trade", "trading", "uk", "university", "us", "usa", "ventures", "wholesale", "world",
    "worldwide", "youth",
};

static const char *const fillers[] = {
    "a", "amp", "an", "and", "at", "de", "del", "der", "des", "di", "die", "du", "e", "el", "et", "for", "fur", "in", "la", "le", "los", "of",
    "on", "the", "und", "van", "von", "y", "zu",
};

static const char *const street_words[] = {
    "alley", "apartment", "at", "avenue", "between", "boulevard", "building", "circle", "circuit", "close", "corner", "court", "crescent",
    "drive", "east", "floor", "highway", "lane", "level", "lot", "near", "north", "northeast", "northwest", "parade", "parkway", "place", "plaza",
    "road", "room", "route", "shop", "south", "southeast", "southwest", "square", "strasse", "street", "suite", "terrace", "unit", "village",
    "way", "west",
};

static const char *const public_mail[] = {
    "126.com", "139.com", "163.com", "aol.com", "foxmail.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com",
    "live.com", "mail.ru", "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "sina.cn", "sina.com", "sohu.com",
    "web.de", "yahoo.cn", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yandex.ru", "yeah.net",
};

static const struct short_form short_names[] = {
    { "acad", "academy" }, { "amer", "american" }, { "assn", "association" }, { "assoc", "association" }, { "bros", "brothers" },
    { "cntr", "center" }, { "comm", "community" }, { "ctr", "center" }, { "dept", "department" }, { "dev", "development" },
    { "devt", "development" }, { "elem", "elementary" }, { "eng", "engineering" }, { "fdn", "foundation" }, { "govt", "government" },
    { "grp", "group" }, { "hosp", "hospital" }, { "hs", "school" }, { "ind", "industries" }, { "inst", "institute" },
    { "internatl", "international" }, { "intl", "international" }, { "intnl", "international" }, { "mfg", "manufacturing" },
    { "mgmt", "management" }, { "mkt", "marketing" }, { "mt", "mount" }, { "natl", "national" }, { "org", "organization" },
    { "pharm", "pharmaceutical" }, { "prog", "program" }, { "restaurants", "restaurant" }, { "saint", "st" }, { "sch", "school" },
    { "svc", "service" }, { "svcs", "services" }, { "sys", "systems" }, { "tech", "technology" }, { "univ", "university" },
};

static const struct short_form short_streets[] = {
    { "1st", "1" }, { "2nd", "2" }, { "3rd", "3" }, { "al", "alley" }, { "apt", "apartment" }, { "av", "avenue" }, { "ave", "avenue" },
    { "bet", "between" }, { "bldg", "building" }, { "blvd", "boulevard" }, { "btw", "between" }, { "cct", "circuit" }, { "cir", "circle" },
    { "cl", "close" }, { "cres", "crescent" }, { "crt", "court" }, { "ct", "court" }, { "dr", "drive" }, { "e", "east" }, { "eighth", "8" },
    { "fifth", "5" }, { "first", "1" }, { "fl", "floor" }, { "flr", "floor" }, { "fourth", "4" }, { "ft", "fort" }, { "hwy", "highway" },
    { "ln", "lane" }, { "mt", "mount" }, { "n", "north" }, { "ne", "northeast" }, { "ninth", "9" }, { "nw", "northwest" }, { "pde", "parade" },
    { "pkwy", "parkway" }, { "pl", "place" }, { "plz", "plaza" }, { "pt", "point" }, { "rd", "road" }, { "rm", "room" }, { "rt", "route" },
    { "rte", "route" }, { "s", "south" }, { "se", "southeast" }, { "second", "2" }, { "seventh", "7" }, { "sixth", "6" }, { "sq", "square" },
    { "st", "street" }, { "ste", "suite" }, { "str", "strasse" }, { "sw", "southwest" }, { "tce", "terrace" }, { "tenth", "10" },
    { "ter", "terrace" }, { "third", "3" }, { "vil", "village" }, { "w", "west" },
};

/* Longest first: each may end with a later one. */
static const char *const han_forms[] = {
    "股份有限责任公司", "集团股份有限公司", "集团有限责任公司", "股份有限公司", "有限责任公司", "集团有限公司", "集团公司", "有限合伙", "有限公司", "股份公司", "株式会社", "分公司",
    "公司", "集团",
};

/* Traditional and simplified by turns, sorted by the former's code point: the characters of trades, company forms and places. */
static const int32_t traditional[][2] = {
    { 0x4F86, 0x6765 }, { 0x5009, 0x4ED3 }, { 0x500B, 0x4E2A }, { 0x5049, 0x4F1F }, { 0x50B3, 0x4F20 },
    { 0x5104, 0x4EBF }, { 0x512A, 0x4F18 }, { 0x5167, 0x5185 }, { 0x5275, 0x521B }, { 0x52D9, 0x52A1 },
    { 0x52DD, 0x80DC }, { 0x5354, 0x534F }, { 0x570B, 0x56FD }, { 0x5713, 0x5706 }, { 0x5716, 0x56FE },
    { 0x5718, 0x56E2 }, { 0x5834, 0x573A }, { 0x5920, 0x591F }, { 0x5B78, 0x5B66 }, { 0x5BE6, 0x5B9E },
    { 0x5BF6, 0x5B9D }, { 0x5C08, 0x4E13 }, { 0x5C0E, 0x5BFC }, { 0x5CF6, 0x5C9B }, { 0x5EE0, 0x5382 },
    { 0x5EE3, 0x5E7F }, { 0x5EF3, 0x5385 }, { 0x5F35, 0x5F20 }, { 0x611B, 0x7231 }, { 0x6176, 0x5E86 },
    { 0x61C9, 0x5E94 }, { 0x6236, 0x6237 }, { 0x63DA, 0x626C }, { 0x64DA, 0x636E }, { 0x6703, 0x4F1A },
    { 0x6771, 0x4E1C }, { 0x694A, 0x6768 }, { 0x696D, 0x4E1A }, { 0x69AE, 0x8363 }, { 0x6A02, 0x4E50 },
    { 0x6A5F, 0x673A }, { 0x6A6B, 0x6A2A }, { 0x6AA2, 0x68C0 }, { 0x6C23, 0x6C14 }, { 0x6E2C, 0x6D4B },
    { 0x6EAB, 0x6E29 }, { 0x6FDF, 0x6D4E }, { 0x7063, 0x6E7E }, { 0x70BA, 0x4E3A }, { 0x7121, 0x65E0 },
    { 0x71B1, 0x70ED }, { 0x71DF, 0x8425 }, { 0x7378, 0x517D }, { 0x73FE, 0x73B0 }, { 0x7522, 0x4EA7 },
    { 0x756B, 0x753B }, { 0x7642, 0x7597 }, { 0x78BC, 0x7801 }, { 0x7A31, 0x79F0 }, { 0x7BC0, 0x8282 },
    { 0x7BC9, 0x7B51 }, { 0x7CE7, 0x7CAE }, { 0x7D19, 0x7EB8 }, { 0x7D21, 0x7EBA }, { 0x7D30, 0x7EC6 },
    { 0x7D71, 0x7EDF }, { 0x7D93, 0x7ECF }, { 0x7DB2, 0x7F51 }, { 0x7DDA, 0x7EBF }, { 0x7E3D, 0x603B },
    { 0x7E54, 0x7EC7 }, { 0x806F, 0x8054 }, { 0x83EF, 0x534E }, { 0x842C, 0x4E07 }, { 0x8449, 0x53F6 },
    { 0x85DD, 0x827A }, { 0x85E5, 0x836F }, { 0x8655, 0x5904 }, { 0x8853, 0x672F }, { 0x885B, 0x536B },
    { 0x88FD, 0x5236 }, { 0x898F, 0x89C4 }, { 0x8A08, 0x8BA1 }, { 0x8A2D, 0x8BBE }, { 0x8A34, 0x8BC9 },
    { 0x8A71, 0x8BDD }, { 0x8AA0, 0x8BDA }, { 0x8CA1, 0x8D22 }, { 0x8CA8, 0x8D27 }, { 0x8CBF, 0x8D38 },
    { 0x8CC7, 0x8D44 }, { 0x8CEC, 0x8D26 }, { 0x8CFD, 0x8D5B }, { 0x8ECA, 0x8F66 }, { 0x8ED2, 0x8F69 },
    { 0x8EDF, 0x8F6F }, { 0x8F1D, 0x8F89 }, { 0x8F2A, 0x8F6E }, { 0x8F38, 0x8F93 }, { 0x8FB2, 0x519C },
    { 0x9023, 0x8FDE }, { 0x904B, 0x8FD0 }, { 0x9060, 0x8FDC }, { 0x9081, 0x8FC8 }, { 0x90F5, 0x90AE },
    { 0x9280, 0x94F6 }, { 0x92FC, 0x94A2 }, { 0x9435, 0x94C1 }, { 0x9577, 0x957F }, { 0x958B, 0x5F00 },
    { 0x95DC, 0x5173 }, { 0x967D, 0x9633 }, { 0x969B, 0x9645 }, { 0x96F2, 0x4E91 }, { 0x96FB, 0x7535 },
    { 0x9801, 0x9875 }, { 0x9818, 0x9886 }, { 0x98A8, 0x98CE }, { 0x98DB, 0x98DE }, { 0x98EF, 0x996D },
    { 0x98F2, 0x996E }, { 0x99AC, 0x9A6C }, { 0x9A57, 0x9A8C }, { 0x9AD4, 0x4F53 }, { 0x9CF3, 0x51E4 },
    { 0x9EA5, 0x9EA6 }, { 0x9EC3, 0x9EC4 }, { 0x9F8D, 0x9F99 },
};

bool word_is_legal_form(struct slice word)
{
    return LOOK_UP(word, legal_forms) != NULL;
}

bool word_is_usual(struct slice word)
{
    return LOOK_UP(word, usual_words) != NULL;
}

bool word_is_filler(struct slice word)
{
    return LOOK_UP(word, fillers) != NULL;
}

bool word_is_of_streets(struct slice word)
{
    return LOOK_UP(word, street_words) != NULL;
}

bool word_is_public_mail(struct slice domain)
{
    return LOOK_UP(domain, public_mail) != NULL;
}

struct slice word_in_full(struct slice word, bool of_address)
{
    const struct short_form *found = of_address ? LOOK_UP(word, short_streets) : LOOK_UP(word, short_names);

    return found ? slice_text(found->full) : word;
}

size_t word_han_form(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(han_forms); i++) {
        size_t size = strlen(han_forms[i]);

        if (name.size >= size && memcmp(name.data + name.size - size, han_forms[i], size) == 0)
            return size;
    }
    return 0;
}

static int compare_character(const void *key, const void *element)
{
    int32_t a = *(const int32_t *)key, b = *(const int32_t *)element;

    return (a > b) - (a < b);
}

int32_t word_simplified(int32_t character)
{
    const int32_t *found = bsearch(&character, traditional, ARRAY_LEN(traditional), sizeof *traditional, compare_character);

    return found ? found[1] : character;
}

/* As LOOK_UP takes them: each element begins with its word. */
static const char *out_of_order(const void *table, size_t n, size_t stride)
{
    const char *last = NULL, *word;

    for (size_t i = 0; i < n; i++, last = word) {
        memcpy(&word, (const char *)table + i * stride, sizeof word);
        if (last && strcmp(last, word) >= 0)
            return word;
    }
    return NULL;
}

const char *words_out_of_order(void)
{
    static const struct {
        const void *table;
        size_t n, stride;
    } tables[] = {
        { legal_forms, ARRAY_LEN(legal_forms), sizeof *legal_forms },       { usual_words, ARRAY_LEN(usual_words), sizeof *usual_words },
        { fillers, ARRAY_LEN(fillers), sizeof *fillers },                   { street_words, ARRAY_LEN(street_words), sizeof *street_words },
        { public_mail, ARRAY_LEN(public_mail), sizeof *public_mail },       { short_names, ARRAY_LEN(short_names), sizeof *short_names },
        { short_streets, ARRAY_LEN(short_streets), sizeof *short_streets },
    };
    const char *wrong = NULL;

    for (size_t i = 0; !wrong && i < ARRAY_LEN(tables); i++)
        wrong = out_of_order(tables[i].table, tables[i].n, tables[i].stride);
    for (size_t i = 1; !wrong && i < ARRAY_LEN(traditional); i++)
        wrong = traditional[i - 1][0] < traditional[i][0] ? NULL : "a traditional character";
    return wrong;
}
