#include "pki/extensions_openssl.h"

#include "crypto/der_openssl.h"
#include "crypto/hash.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;
using bit_string_ptr = crypto::openssl_ptr<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;
using octet_string_ptr = crypto::openssl_ptr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using basic_constraints_ptr = crypto::openssl_ptr<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>;
using oids_ptr = crypto::openssl_ptr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using policies_ptr = crypto::openssl_ptr<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>;
using name_constraints_ptr = crypto::openssl_ptr<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

enum class critical : int { no = 0, yes = 1 };

void add(X509* x509, int nid, void* value, critical is_critical) {
    must(X509_add1_ext_i2d(x509, nid, value, static_cast<int>(is_critical), X509V3_ADD_DEFAULT),
         "adding an extension to a certificate");
}

octet_string_ptr octet_string(bytes_view data) {
    octet_string_ptr out(must(ASN1_OCTET_STRING_new(), "making an extension"));
    must(ASN1_OCTET_STRING_set(out.get(), data.data(), static_cast<int>(data.size())), "filling an extension");
    return out;
}

void add_basic_constraints(X509* x509, const certificate_template& contents) {
    const basic_constraints_ptr value(must(BASIC_CONSTRAINTS_new(), "making an extension"));
    value->ca = 0xff;
    if (contents.path_length) {
        value->pathlen = must(ASN1_INTEGER_new(), "making an extension");
        must(ASN1_INTEGER_set_uint64(value->pathlen, *contents.path_length), "filling an extension");
    }
    // RFC 5280 4.2.1.9: "Conforming CAs MUST include this extension in all CA certificates [...] and MUST
    // mark the extension as critical in such certificates."
    add(x509, NID_basic_constraints, value.get(), critical::yes);
}

bit_string_ptr key_usage_bit_string(uint16_t usage) {
    bit_string_ptr value(must(ASN1_BIT_STRING_new(), "making an extension"));
    for (int bit = 0; bit < 9; ++bit) {
        if ((usage & 1U << bit) != 0) {
            must(ASN1_BIT_STRING_set_bit(value.get(), bit, 1), "filling an extension");
        }
    }
    return value;
}

result<void> add_extended_key_usages(X509* x509, const std::vector<std::string>& usages) {
    const oids_ptr value(must(EXTENDED_KEY_USAGE_new(), "making an extension"));
    for (const std::string& usage : usages) {
        crypto::asn1_object_ptr oid = crypto::object_from_dotted(usage);
        if (!oid) {
            ERR_clear_error();
            return fail(bad_template("\"" + usage + "\" is not an OID for an extended key usage"));
        }
        if (sk_ASN1_OBJECT_push(value.get(), oid.release()) <= 0) {
            crypto::die("filling an extension");
        }
    }
    add(x509, NID_ext_key_usage, value.get(), critical::no);
    return {};
}

result<void> add_policies(X509* x509, const std::vector<std::string>& policies) {
    const policies_ptr value(must(CERTIFICATEPOLICIES_new(), "making an extension"));
    for (const std::string& policy : policies) {
        crypto::asn1_object_ptr oid = crypto::object_from_dotted(policy);
        if (!oid) {
            ERR_clear_error();
            return fail(bad_template("\"" + policy + "\" is not an OID for a policy"));
        }
        POLICYINFO* info = must(POLICYINFO_new(), "making an extension");
        ASN1_OBJECT_free(info->policyid);
        info->policyid = oid.release();
        if (sk_POLICYINFO_push(value.get(), info) <= 0) {
            crypto::die("filling an extension");
        }
    }
    add(x509, NID_certificate_policies, value.get(), critical::no);
    return {};
}

void push_subtree(STACK_OF(GENERAL_SUBTREE) * *to, int kind, const std::string& text) {
    if (*to == nullptr) {
        *to = must(sk_GENERAL_SUBTREE_new_null(), "making an extension");
    }
    GENERAL_SUBTREE* subtree = must(GENERAL_SUBTREE_new(), "making an extension");
    ASN1_IA5STRING* value = must(ASN1_IA5STRING_new(), "making an extension");
    must(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())), "filling an extension");
    GENERAL_NAME_set0_value(subtree->base, kind, value);
    if (sk_GENERAL_SUBTREE_push(*to, subtree) <= 0) {
        crypto::die("filling an extension");
    }
}

void add_name_constraints(X509* x509, const name_constraints& constraints) {
    const name_constraints_ptr value(must(NAME_CONSTRAINTS_new(), "making an extension"));
    for (const std::string& dns : constraints.permitted_dns) {
        push_subtree(&value->permittedSubtrees, GEN_DNS, dns);
    }
    for (const std::string& host : constraints.permitted_uri_hosts) {
        push_subtree(&value->permittedSubtrees, GEN_URI, host);
    }
    for (const std::string& dns : constraints.excluded_dns) {
        push_subtree(&value->excludedSubtrees, GEN_DNS, dns);
    }
    // RFC 5280 4.2.1.10: "Conforming CAs MUST mark this extension as critical".
    add(x509, NID_name_constraints, value.get(), critical::yes);
}

}  // namespace

bytes key_usage_value(uint16_t usage) {
    return crypto::to_der(key_usage_bit_string(usage).get(), i2d_ASN1_BIT_STRING);
}

bytes key_identifier(bytes_view spki) {
    const auto parts = crypto::read_spki(spki);
    if (!parts) {
        crypto::die("identifying a key that was accepted");
    }
    return to_bytes(crypto::sha256(parts->key).view().first(20));
}

authority_key_id_ptr make_authority_key_id(bytes_view id) {
    authority_key_id_ptr value(must(AUTHORITY_KEYID_new(), "making an extension"));
    value->keyid = octet_string(id).release();
    return value;
}

result<void> add_extensions(X509* x509, const certificate_template& contents, bytes_view own_id, bytes_view authority_id) {
    if (contents.is_ca) {
        add_basic_constraints(x509, contents);
    }
    if (contents.key_usage) {
        add(x509, NID_key_usage, key_usage_bit_string(*contents.key_usage).get(), critical::yes);
    }
    if (!contents.extended_key_usages.empty()) {
        BERTH_CHECK(add_extended_key_usages(x509, contents.extended_key_usages));
    }
    if (!contents.alt_names.empty()) {
        BERTH_TRY(names, from_alt_names(contents.alt_names));
        // RFC 5280 4.2.1.6: critical exactly when the subject is empty.
        add(x509, NID_subject_alt_name, names.get(), contents.subject.attributes.empty() ? critical::yes : critical::no);
    }
    if (!contents.policies.empty()) {
        BERTH_CHECK(add_policies(x509, contents.policies));
    }
    if (!contents.constraints.empty()) {
        add_name_constraints(x509, contents.constraints);
    }
    add(x509, NID_subject_key_identifier, octet_string(own_id).get(), critical::no);
    add(x509, NID_authority_key_identifier, make_authority_key_id(authority_id).get(), critical::no);
    return {};
}

}  // namespace berth::pki
