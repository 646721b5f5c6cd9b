#include "est/honoured.h"

namespace berth::est {

namespace {

tl::unexpected<error> dropped(std::string field) {
    return fail(error{error_category::peer, "not_honoured",
                      "The certificate is not what was asked for: " + field + " is missing or another."}
                    .with("field", field));
}

template <class T>
const T* first_missing(const std::vector<T>& wanted, const std::vector<T>& there) {
    const auto found =
        std::ranges::find_if(wanted, [&there](const T& one) { return std::ranges::find(there, one) == there.end(); });
    return found == wanted.end() ? nullptr : &*found;
}

}  // namespace

result<void> check_honoured(const pki::csr_contents& asks, const pki::certificate& made) {
    BERTH_TRY(names, pki::names_of(made));
    if (const auto* missing = first_missing(asks.name.attributes, names.subject.attributes)) {
        return dropped(missing->first + "=" + missing->second);
    }
    if (const auto* missing = first_missing(asks.alt_names.dns, names.alt_names.dns)) {
        return dropped("dNSName " + *missing);
    }
    if (const auto* missing = first_missing(asks.alt_names.uris, names.alt_names.uris)) {
        return dropped("uniformResourceIdentifier " + *missing);
    }
    if (asks.alt_names.hardware && asks.alt_names.hardware != names.alt_names.hardware) {
        return dropped("hardwareModuleName");
    }
    if (asks.alt_names.permanent_id && asks.alt_names.permanent_id != names.alt_names.permanent_id) {
        return dropped("permanentIdentifier");
    }
    if (!asks.other_alt_names.empty() && asks.alt_names_value != names.alt_names_value) {
        return dropped(asks.other_alt_names.front());
    }
    if (asks.key_usage && asks.key_usage != made.key_usage()) {
        return dropped("keyUsage");
    }
    if (const auto* missing = first_missing(asks.extended_key_usages, made.extended_key_usages())) {
        return dropped("extKeyUsage " + *missing);
    }
    if (asks.basic_constraints &&
        (asks.basic_constraints->ca != made.is_ca() ||
         (asks.basic_constraints->path_length && asks.basic_constraints->path_length != made.path_length()))) {
        return dropped("basicConstraints");
    }
    return {};
}

}  // namespace berth::est
