/*
 * goods.c - the products of the sample company and the exchange rates of its two years
 */
#include "common/base/calendar.h"
#include "tests/sample/sample.h"

#define RATE_DAYS 30 /* from one to the next */

static const struct sample_product products[] = {
    { "FM-100", "Flow meter 流量计", "Flow meters", "流量计", "Sensors", 420, 2980, 60 },
    { "PT-20", "Pressure sensor 压力传感器", "Pressure sensors", "压力传感器", "Sensors", 260, 1880,
      120 },
    { "LV-8", "Level gauge 液位计", "Level gauges", "液位计", "Sensors", 610, 4380, 40 },
    { "AQ-5", "Water analyser 水质分析仪", "Water analysers", "水质分析仪", "Analysis", 5400, 38800,
      12 },
    { "GA-3", "Gas analyser 气体分析仪", "Gas analysers", "气体分析仪", "Analysis", 7900, 56800,
      8 },
    { "CV-40", "Control valve 调节阀", "Control valves", "调节阀", "Actuators", 1350, 9680, 30 },
    { "DP-12", "Dosing pump 计量泵", "Dosing pumps", "计量泵", "Actuators", 2150, 15400, 20 },
    { "GW-1", "Data gateway 数据网关", "Data gateways", "数据网关", "Systems", 890, 6380, 25 },
    { "MS-9", "Plant monitor 工厂监控系统", "Plant monitor", "工厂监控系统", "Systems", 28000,
      198000, 2 },
    { "SV-A", "Service contract 维保服务", "Service contract", "维保服务", "Service", 3600, 25800,
      3 },
};

const struct sample_product *sample_product(struct random *random)
{
    return &random_pick(random, products);
}

static enum crm_status write_products(struct output *out, struct failure *failure)
{
    enum crm_status status = output_begin(out, "product", "products", failure);

    for (size_t i = 0; i < ARRAY_LEN(products) && status == CRM_OK; i++)
        output_add(out, json_pack("{s:s, s:s, s:s, s:o, s:b}", "code", products[i].code, "name",
                                  products[i].name, "category", products[i].category, "price",
                                  output_money(products[i].price_cny, "CNY"), "active", 1));
    return status == CRM_OK ? output_end(out, failure) : status;
}

/* Yuan for a dollar, in ten-thousandths: a walk that stays within what is plausible. */
static enum crm_status write_rates(struct sample *sample, struct failure *failure)
{
    struct output *out = &sample->out;
    int rate = 71000;
    char text[16];
    enum crm_status status = output_begin(out, "exchange_rate", "exchange_rates", failure);

    if (status != CRM_OK)
        return status;
    for (int32_t day = sample->until - SAMPLE_DAYS - RATE_DAYS; day <= sample->until;
         day += RATE_DAYS) {
        rate += random_range(&sample->random, -600, 600);
        rate = rate < 68000 ? 68000 : rate > 74000 ? 74000 : rate;
        snprintf(text, sizeof text, "%d.%04d", rate / 10000, rate % 10000);
        output_add(out, json_pack("{s:s, s:o, s:s, s:s}", "currency", "USD", "day", output_day(day),
                                  "rate", text, "source", "sample"));
    }
    return output_end(out, failure);
}

enum crm_status sample_goods(struct sample *sample, struct failure *failure)
{
    enum crm_status status = write_products(&sample->out, failure);

    return status == CRM_OK ? write_rates(sample, failure) : status;
}
