#include "roles/embedded_issuer.h"

namespace berth::app {

void embedded_issuer::issue(const onboarding::certificate_order& order, std::function<void(answer)> then) {
    then(ca_.issue(order, clock_, random_));
}

order_issuer::list_of_its_own embedded_issuer::own_list() const {
    const auto list = ca_.last();
    return list ? list_of_its_own(std::pair(ca_.crl_file(), list->next_update())) : std::nullopt;
}

bool embedded_issuer::publishes_as(const order_issuer& other) const {
    const auto* const same_kind = dynamic_cast<const embedded_issuer*>(&other);
    return same_kind && ca_.publishes_as(same_kind->ca_);
}

issuer_opener embedded_only(const clock& time, random_source& random) {
    return [&time, &random](const registrar_config&, const ca_config& ca) -> result<std::unique_ptr<order_issuer>> {
        if (!ca.is_embedded()) {
            return fail(error_category::usage, "bad_config",
                        "[ca] must name its chain and key here: the embedded CA is the only one");
        }
        BERTH_TRY(opened, embedded_ca::open(ca));
        return std::make_unique<embedded_issuer>(std::move(opened), time, random);
    };
}

}  // namespace berth::app
