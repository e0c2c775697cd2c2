/*
 * aliases.c - headers of other programs' exports, and what they are here
 *
 * Called by mapping.c. Immutable tables: of Salesforce, HubSpot, Zoho, SuiteCRM, EspoCRM, Google,
 * Outlook, Thunderbird, Fxiaoke, 企查查 and 天眼查. Headers stand as mapping_key makes them:
 * folded, letters and digits only. To recognise one more, add it to its row.
 */
#include "client/import/mapping.h"

struct alias {
    enum kind kind;
    const char *target;
    const char *headers; /* divided by blanks */
};

static const struct alias aliases[] = {
    /* --- organisations */
    { KIND_CUSTOMER, "name",
      "companyname company accountname account organization organisation organizationname "
      "organization1name "
      "企业名称 公司名称 客户名称 单位名称 公司 公司名 firma societe organizacion fn org" },
    { KIND_CUSTOMER, "legal_name", "legalname 法定名称 英文名 英文名称 曾用名" },
    { KIND_CUSTOMER, "registration_number",
      "统一社会信用代码 社会信用代码 信用代码 纳税人识别号 registrationno "
      "companyregistrationnumber vat vatid taxid" },
    { KIND_CUSTOMER, "industry", "所属行业 行业 国标行业 industrytype sector branche" },
    { KIND_CUSTOMER, "size",
      "employees numberofemployees noofemployees numberemployees employeecount 参保人数 员工数 "
      "员工人数 人员规模" },
    { KIND_CUSTOMER, "revenue", "annualrevenue revenue 年营业额 年收入 营业收入" },
    { KIND_CUSTOMER, "revenue.currency", "annualrevenuecurrency revenuecurrency" },
    { KIND_CUSTOMER, "source", "leadsource originalsource accountsource 客户来源 线索来源 来源" },
    { KIND_CUSTOMER, "level", "客户级别 客户等级 级别" },
    { KIND_CUSTOMER, "type", "accounttype companytype" },
    { KIND_CUSTOMER, "phones",
      "phone phones phonenumber phone1value phone2value phone3value phone4value phone1 phone2 "
      "officephone phoneoffice phonealternate "
      "mainphone mobile mobilephone businessphone workphone companymainphone telephone tel "
      "phonework phonemobile "
      "电话 联系电话 更多电话 其他电话 有效手机号 手机 手机号 公司电话 座机" },
    { KIND_CUSTOMER, "emails",
      "email emails emailaddress email1 email2 email1value email2value emailaddress2 邮箱 电子邮箱 "
      "企业邮箱 更多邮箱 其他邮箱 邮件" },
    { KIND_CUSTOMER, "web",
      "website websiteurl web webpage url companydomainname homepage 网址 官网 企业官网 公司网址 "
      "网站 website1value" },
    { KIND_CUSTOMER, "country", "country countryregion 国家" },
    { KIND_CUSTOMER, "founded", "成立日期 注册日期 成立时间 foundeddate yearfounded founded" },
    { KIND_CUSTOMER, "parent",
      "parentaccount parentcompany memberof parentname parentaccountname 上级公司 上级客户" },
    { KIND_CUSTOMER, "note", "description notes note comments about 备注 描述 简介 经营范围" },
    { KIND_CUSTOMER, "tags", "tag tags labels groupmembership categories groups 标签 分组" },
    /* --- persons */
    { KIND_CONTACT, "name",
      "fullname displayname contactname fileas 姓名 联系人 联系人姓名 顯示名稱 anzeigename "
      "nombreenpantalla nomaafficher fn" },
    { KIND_CONTACT, "given",
      "firstname givenname forename middlename additionalname vorname weiterevornamen prenom "
      "deuxiemeprenom nombre "
      "segundonombre 名字 中間名 ngiven nadditional" },
    { KIND_CONTACT, "family", "lastname familyname surname nachname apellidos nom 姓氏 nfamily" },
    { KIND_CONTACT, "customer",
      "company companyname accountname account organization organisation organizationname "
      "organization1name associatedcompany workcompany "
      "firma societe organizacion 公司 公司名称 客户名称 所属客户 所属公司 單位 org" },
    { KIND_CONTACT, "title",
      "jobtitle organizationtitle organization1title worktitle contacttitle position role puesto "
      "profession 职位 职务 職稱" },
    { KIND_CONTACT, "phones",
      "phone phones phonenumber phone1value phone2value phone3value phone4value phone5value "
      "phone6value phone7value mobile "
      "mobilephone mobilenumber homephone homephone2 homemobile workphone workmobile businessphone "
      "businessphone2 otherphone "
      "primaryphone companymainphone carphone phonehome phonemobile phonework phoneother altphone "
      "tel telephone "
      "telefongeschaftlich telefongeschaftlich2 telefonprivat telefonprivat2 mobiltelefon "
      "haupttelefon mobiltelnr teldienstlich "
      "telephonebureau telephonedomicile telmobile telephoneprincipal portable telprofessionnel "
      "telefonodeltrabajo "
      "telefonoprincipal telefonomovil telefonotrabajo 电话 手机 手机号 联系电话 办公电话 商務電話 "
      "商務電話2 住家電話 住家電話2 "
      "行動電話 代表電話 手機號碼 其他電話" },
    { KIND_CONTACT, "emails",
      "email emails email1 email2 email3 emailaddress email2address email3address email1value "
      "email2value email3value email4value "
      "emailhome emailwork emailother primaryemail secondaryemail emailadresse email2adresse "
      "email3adresse "
      "primareemailadresse sekundareemailadresse adressedemessagerie adresseelectroniqueprincipale "
      "adresseelectroniquesecondaire direcciondecorreoelectronicoprincipal "
      "direcciondecorreoelectronico2 "
      "direcciondecorreoelectronicosecundaria 邮箱 电子邮箱 邮件 電子郵件地址 主要email "
      "次要email" },
    { KIND_CONTACT, "messaging",
      "im imaim imicq imjabber immsn imskype imyahoo imaddress screenname impp 微信 微信号 qq" },
    { KIND_CONTACT, "birthday",
      "birthday birthdate dateofbirth bday geburtstag anniversaire fechadenacimiento 生日 "
      "出生日期" },
    { KIND_CONTACT, "do_not_contact",
      "donotcall donotcontact emailoptout hasoptedoutofemail donotemail" },
    { KIND_CONTACT, "note", "description notes note comments notizen 备注 記事 描述" },
    { KIND_CONTACT, "tags",
      "categories labels groupmembership groups group kategorien categorias 类别 類別 标签" },
    /* --- deals */
    { KIND_DEAL, "name",
      "dealname opportunityname opportunity potentialname 商机名称 机会名称 销售机会" },
    { KIND_DEAL, "customer",
      "accountname account company companyname associatedcompany 客户名称 客户" },
    { KIND_DEAL, "stage", "dealstage stagename salesstage 商机阶段 销售阶段 阶段" },
    { KIND_DEAL, "amount",
      "dealamount value closevalue opportunityamount amountinusdollar 商机金额 预计金额 "
      "预计销售金额" },
    { KIND_DEAL, "amount.currency",
      "amountcurrency currency currencyisocode dealcurrencycode 币种" },
    { KIND_DEAL, "expected_close",
      "closedate closingdate expectedclosedate expectedclose dateclosed 预计成交日期 预计成交时间 "
      "结单日期" },
    { KIND_DEAL, "source", "leadsource dealsource 商机来源 来源" },
    { KIND_DEAL, "next_step", "nextstep 下一步" },
    { KIND_DEAL, "lost_reason", "closedlostreason lostreason lossreason 输单原因 丢单原因" },
    { KIND_DEAL, "product", "product productname 产品 产品名称" },
    { KIND_DEAL, "engaged", "engagedate engaged" },
    { KIND_DEAL, "note", "description dealdescription notes 备注 描述" },
    /* --- goods */
    { KIND_PRODUCT, "code", "productcode sku partnumber itemcode 产品编码 产品编号 货号" },
    { KIND_PRODUCT, "name", "productname product item 产品名称 商品名称" },
    { KIND_PRODUCT, "category", "productcategory series type productfamily 产品分类 分类" },
    { KIND_PRODUCT, "price", "unitprice listprice salesprice salesprice 单价 标准价格 售价" },
    { KIND_PRODUCT, "cost", "costprice purchaseprice 成本 成本价" },
    { KIND_PRODUCT, "unit", "usageunit uom 单位 计量单位" },
    { KIND_PRODUCT, "active", "isactive productactive 是否在售" },
    { KIND_PRODUCT, "note", "description notes 备注" },
    /* --- what happens and is to be done */
    { KIND_ACTIVITY, "text", "description body content notes 内容 沟通内容 跟进内容" },
    { KIND_ACTIVITY, "started", "date datestart activitydate startdate starttime 跟进时间 时间" },
    { KIND_ACTIVITY, "customer", "accountname company relatedto 客户名称" },
    { KIND_ACTIVITY, "kind", "type activitytype calltype 跟进方式 类型" },
    { KIND_TASK, "due", "duedate datedue activitydate 截止时间 到期日" },
    { KIND_TASK, "text", "description notes body 描述 备注" },
    { KIND_TASK, "state", "status 状态" },
    { KIND_TASK, "assigned", "assignedto assignedusername 执行人 负责人" },
    { KIND_TASK, "customer", "accountname company relatedto 客户名称" },
    /* --- of every kind */
    { KIND_NONE, "owner",
      "ownername leadowner contactowner companyowner dealowner accountowner opportunityowner "
      "recordowner assignedto "
      "assignedusername assigneduser 负责人 所有人 客户负责人 归属人" },
    { KIND_NONE, MAPPING_HAPPENED,
      "createdate createddate createdtime createdat dateentered datecreated creationdate 创建时间 "
      "创建日期" },
    /* Keys, times and marks of another system, which mean nothing here. */
    { KIND_NONE, "-",
      "id recordid isdeleted masterrecordid ownerid createdbyid createdby lastmodifieddate "
      "lastmodifiedbyid modifiedtime "
      "modifiedby modifiedat datemodified systemmodstamp lastactivitydate accountid parentid "
      "stagesince salutation suffix "
      "initials namesuffix nameprefix phone1type phone2type phone3type email1type email2type "
      "email3type phone1label phone2label "
      "email1label email2label photo userphoto fax businessfax homefax otherfax faxnumber pager "
      "pagernumber 创建人 "
      "最后修改时间 最后修改人 客户编号 法定代表人 注册资本 核准日期 组织机构代码 rejectedline "
      "rejectedfield rejectedreason" },
};

/* --- addresses: whose, and which part of it */

static const struct {
    const char *prefix, *element;
} places[] = {
    { "billingaddress", "billing" },
    { "billing", "billing" },
    { "shippingaddress", "delivery" },
    { "shipping", "delivery" },
    { "delivery", "delivery" },
    { "mailingaddress", "office" },
    { "mailing", "office" },
    { "primaryaddress", "office" },
    { "businessaddress", "office" },
    { "business", "office" },
    { "workaddress", "office" },
    { "work", "office" },
    { "homeaddress", "home" },
    { "home", "home" },
    { "altaddress", "home" },
    { "address1", "office" },
    { "address2", "billing" },
    { "adrhome", "home" },
    { "adr", "office" },
    { "所属", "office" },
    { "注册", "office" },
    { "企业", "office" },
    { "通信", "office" },
    { "公司", "office" },
    { "详细", "office" },
    { "收货", "delivery" },
    { "开票", "billing" },
    { "", "office" },
};

static const struct {
    const char *part, *member;
} parts[] = {
    { "street", "lines" },
    { "street1", "lines" },
    { "street2", "lines" },
    { "street3", "lines" },
    { "address", "lines" },
    { "addressline1", "lines" },
    { "addressline2", "lines" },
    { "line1", "lines" },
    { "line2", "lines" },
    { "address2", "lines" },
    { "地址", "lines" },
    { "city", "city" },
    { "town", "city" },
    { "城市", "city" },
    { "市", "city" },
    { "state", "province" },
    { "stateprovince", "province" },
    { "province", "province" },
    { "region", "province" },
    { "county", "province" },
    { "省份", "province" },
    { "省", "province" },
    { "postalcode", "postcode" },
    { "zip", "postcode" },
    { "zipcode", "postcode" },
    { "postcode", "postcode" },
    { "zippostalcode", "postcode" },
    { "postal", "postcode" },
    { "邮编", "postcode" },
    { "country", "country" },
    { "countryregion", "country" },
};

static const char *find_address(const char *key, struct arena *arena)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t size = strlen(places[i].prefix);

        if (strncmp(key, places[i].prefix, size) != 0)
            continue;
        for (size_t k = 0; k < ARRAY_LEN(parts); k++)
            if (strcmp(key + size, parts[k].part) == 0)
                return arena_printf(arena, "addresses.%s.%s", places[i].element, parts[k].member);
    }
    return NULL;
}

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = words; size > 0 && (at = strstr(at, word)); at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

const char *alias_find(const struct kind_def *kind, const char *key, struct arena *arena)
{
    const char *address;

    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (aliases[i].kind == kind->kind && has_word(aliases[i].headers, key))
            return aliases[i].target;
    address = kind_field_by_name(kind, "addresses") ? find_address(key, arena) : NULL;
    if (address)
        return address;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (aliases[i].kind == KIND_NONE && has_word(aliases[i].headers, key))
            return aliases[i].target;
    return NULL;
}
