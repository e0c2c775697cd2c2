/*
 * names.c - names put together from fragments
 *
 * Pure. What is drawn is drawn in statements of its own: the order of a call's arguments is the
 * compiler's. The fragments were written for this file; a name that exists somewhere does so by
 * chance.
 */
#include "tests/sample/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A Chinese fragment and its pinyin. */
struct syllable {
    const char *text;
    const char *pinyin;
};

/* Where companies are. */
struct city {
    const char *name;
    const char *province;
    const char *area; /* code of the telephone network */
};

/* What companies do: the value of the field, and how it sounds in names. */
struct trade {
    const char *industry;
    const char *chinese;
    const char *english;
};

static const struct city chinese_cities[] = {
    { "上海", "上海", "21" },  { "苏州", "江苏", "512" }, { "南京", "江苏", "25" },
    { "无锡", "江苏", "510" }, { "杭州", "浙江", "571" }, { "宁波", "浙江", "574" },
    { "合肥", "安徽", "551" }, { "广州", "广东", "20" },  { "深圳", "广东", "755" },
    { "武汉", "湖北", "27" },  { "青岛", "山东", "532" }, { "成都", "四川", "28" },
};

static const struct city american_cities[] = {
    { "Chicago", "Illinois", "312" },   { "Milwaukee", "Wisconsin", "414" },
    { "Detroit", "Michigan", "313" },   { "Minneapolis", "Minnesota", "612" },
    { "St. Louis", "Missouri", "314" }, { "Seattle", "Washington", "206" },
    { "Portland", "Oregon", "503" },    { "Denver", "Colorado", "303" },
    { "Dallas", "Texas", "214" },       { "Cleveland", "Ohio", "216" },
};

static const struct trade trades[] = {
    { "food", "食品", "Foods" },
    { "pharma", "医药", "Pharma" },
    { "energy", "能源", "Energy" },
    { "water", "水务", "Waterworks" },
    { "chemicals", "化工", "Chemicals" },
    { "electronics", "电子", "Electronics" },
    { "logistics", "物流", "Logistics" },
    { "retail", "商贸", "Stores" },
    { "machinery", "机械", "Machine Works" },
    { "paper", "纸业", "Paper" },
};

static const struct syllable first_syllables[] = {
    { "恒", "heng" }, { "华", "hua" },   { "瑞", "rui" }, { "鼎", "ding" },
    { "安", "an" },   { "盛", "sheng" }, { "博", "bo" },  { "远", "yuan" },
    { "金", "jin" },  { "新", "xin" },   { "海", "hai" }, { "天", "tian" },
    { "宏", "hong" }, { "隆", "long" },  { "泰", "tai" }, { "嘉", "jia" },
};

static const struct syllable second_syllables[] = {
    { "达", "da" },     { "源", "yuan" }, { "通", "tong" }, { "信", "xin" },
    { "丰", "feng" },   { "辰", "chen" }, { "业", "ye" },   { "康", "kang" },
    { "创", "chuang" }, { "利", "li" },   { "和", "he" },   { "诚", "cheng" },
    { "川", "chuan" },  { "旭", "xu" },   { "峰", "feng" }, { "腾", "teng" },
};

static const struct syllable families[] = {
    { "王", "wang" }, { "李", "li" },       { "张", "zhang" }, { "刘", "liu" },  { "陈", "chen" },
    { "杨", "yang" }, { "赵", "zhao" },     { "黄", "huang" }, { "周", "zhou" }, { "吴", "wu" },
    { "徐", "xu" },   { "孙", "sun" },      { "胡", "hu" },    { "朱", "zhu" },  { "高", "gao" },
    { "林", "lin" },  { "何", "he" },       { "郭", "guo" },   { "马", "ma" },   { "曾", "zeng" },
    { "单", "shan" }, { "欧阳", "ouyang" },
};

static const struct syllable given_syllables[] = {
    { "伟", "wei" },   { "芳", "fang" }, { "敏", "min" },  { "静", "jing" }, { "丽", "li" },
    { "强", "qiang" }, { "磊", "lei" },  { "洋", "yang" }, { "勇", "yong" }, { "艳", "yan" },
    { "杰", "jie" },   { "娟", "juan" }, { "涛", "tao" },  { "明", "ming" }, { "超", "chao" },
    { "霞", "xia" },   { "晨", "chen" }, { "雨", "yu" },   { "浩", "hao" },  { "欣", "xin" },
    { "佳", "jia" },   { "琳", "lin" },  { "凯", "kai" },  { "婷", "ting" },
};

static const char *const first_words[] = {
    "Harbor", "Ridge", "Cedar", "Granite", "Prairie", "Silver", "North", "Willow",
    "Summit", "Lake",  "Iron",  "Copper",  "Maple",   "Stone",  "River", "Bright",
};

static const char *const second_words[] = {
    "field", "gate", "point", "wood", "view", "mark", "crest", "land", "bridge", "vale",
};

static const char *const american_families[] = {
    "Novak",  "Keller",  "Okafor",   "Sandoval",  "Whitfield", "Larsen", "Brennan",  "Castillo",
    "Dvorak", "Ellison", "Fontaine", "Gallagher", "Hoffman",   "Ibarra", "Jennings", "Kowalski",
};

static const char *const american_givens[] = {
    "Alice", "Ben",   "Carla", "Derek", "Elena", "Frank", "Grace",  "Henry",
    "Irene", "Jacob", "Karen", "Leo",   "Maria", "Nolan", "Olivia", "Peter",
};

/* Subscriber numbers in China do not begin with 0 or 1. */
static void chinese_company(struct random *random, struct company_name *out)
{
    const struct city *city = &random_pick(random, chinese_cities);
    const struct syllable *first = &random_pick(random, first_syllables);
    const struct syllable *second = &random_pick(random, second_syllables);
    const struct trade *trade = &random_pick(random, trades);
    bool is_listed = random_percent(random, 25);
    int phone = random_below(random, 10000000);

    snprintf(out->name, sizeof out->name, "%s%s%s%s", city->name, first->text, second->text,
             trade->chinese);
    snprintf(out->legal_name, sizeof out->legal_name, "%s%s", out->name,
             is_listed ? "股份有限公司" : "有限公司");
    snprintf(out->domain, sizeof out->domain, "%s%s-%s.example", first->pinyin, second->pinyin,
             trade->industry);
    snprintf(out->phone, sizeof out->phone, "+86 %s 1%03d %04d", city->area, phone / 10000,
             phone % 10000);
    out->city = city->name;
    out->province = city->province;
    out->industry = trade->industry;
}

/* 555-0100 to 555-0199 are kept for stories in every area of the United States. */
static void american_company(struct random *random, struct company_name *out)
{
    const struct city *city = &random_pick(random, american_cities);
    const char *first = random_pick(random, first_words);
    const char *second = random_pick(random, second_words);
    const struct trade *trade = &random_pick(random, trades);
    bool is_listed = random_percent(random, 60);
    int phone = random_below(random, 100);

    snprintf(out->name, sizeof out->name, "%s%s %s", first, second, trade->english);
    snprintf(out->legal_name, sizeof out->legal_name, "%s%s", out->name,
             is_listed ? ", Inc." : " LLC");
    snprintf(out->domain, sizeof out->domain, "%s%s-%s.example", first, second, trade->industry);
    for (char *c = out->domain; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    snprintf(out->phone, sizeof out->phone, "+1 %s 555 01%02d", city->area, phone);
    out->city = city->name;
    out->province = city->province;
    out->industry = trade->industry;
}

void company_name(struct random *random, bool is_chinese, struct company_name *out_name)
{
    (is_chinese ? chinese_company : american_company)(random, out_name);
}

static void chinese_person(struct random *random, struct person_name *out)
{
    const struct syllable *family = &random_pick(random, families);
    const struct syllable *one = &random_pick(random, given_syllables);
    const struct syllable *two = &random_pick(random, given_syllables);
    bool is_double = random_percent(random, 65);
    int phone = random_below(random, 100000000);

    out->family = family->text;
    snprintf(out->given, sizeof out->given, "%s%s", one->text, is_double ? two->text : "");
    snprintf(out->mailbox, sizeof out->mailbox, "%s.%s%s", family->pinyin, one->pinyin,
             is_double ? two->pinyin : "");
    snprintf(out->phone, sizeof out->phone, "+86 100 %04d %04d", phone / 10000,
             phone % 10000); /* no mobile network has 100 */
}

static void american_person(struct random *random, struct person_name *out)
{
    const char *given = random_pick(random, american_givens);
    const char *area = random_pick(random, american_cities).area;
    int phone = random_below(random, 100);

    out->family = random_pick(random, american_families);
    snprintf(out->given, sizeof out->given, "%s", given);
    snprintf(out->mailbox, sizeof out->mailbox, "%s.%s", given, out->family);
    for (char *c = out->mailbox; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    snprintf(out->phone, sizeof out->phone, "+1 %s 555 01%02d", area, phone);
}

void person_name(struct random *random, bool is_chinese, struct person_name *out_name)
{
    (is_chinese ? chinese_person : american_person)(random, out_name);
}
