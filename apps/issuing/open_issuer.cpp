#include "issuing/open_issuer.h"

#include "common/files.h"
#include "issuing/est_issuer.h"
#include "roles/embedded_issuer.h"

namespace berth::app {

issuer_opener any_issuer(net::loop& on, const clock& time, random_source& random, std::function<void()> make_way,
                         store::opening how) {
    const auto last = std::make_shared<std::weak_ptr<const std::filesystem::path>>();
    return [&on, &time, &random, make_way = std::move(make_way), how,
            last](const registrar_config& registrar, const ca_config& ca) -> result<std::unique_ptr<order_issuer>> {
        if (ca.is_embedded()) {
            return embedded_only(time, random)(registrar, ca);
        }
        BERTH_TRY(domain, read_certificate(registrar.domain_root));
        if (ca.est) {
            BERTH_TRY(opened, est_issuer::open(registrar, *ca.est, domain, {on, time, random}));
            return opened;
        }
        if (make_way) {
            make_way();  // also who only opens the records would wait for whoever writes to them
        }
        // They were looked through at start, which takes as long as they are large, and nobody is served meanwhile.
        const auto path = ca.directory.lexically_normal();
        auto open_here = last->lock();
        const bool again = how == store::opening::or_make && open_here && *open_here == path;
        if (!again) {
            open_here = std::make_shared<const std::filesystem::path>(path);
        }
        BERTH_TRY(opened,
                  directory_issuer::open(ca, domain, {time, random, make_way, open_here}, again ? store::opening::again : how));
        *last = open_here;
        return opened;
    };
}

}  // namespace berth::app
