#include "setup/chain_device.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::app {

namespace {

bool holds(std::span<const pki::certificate> all, const pki::certificate& one) {
    return std::ranges::find(all, one) != all.end();
}

bool has_signed(const pki::certificate& signer, const pki::certificate& subject) {
    return signer.is_ca() && same_octets(signer.subject_der(), subject.issuer_der()) &&
           subject.check_signature(signer).has_value();
}

bool is_root(const pki::certificate& c) {
    return c.is_self_issued() && c.check_signature(c).has_value();
}

// The certificate and those of `all` above it. Of two certificates of one signer the one that ends last.
std::vector<pki::certificate> with_those_above(const pki::certificate& one, std::span<const pki::certificate> all) {
    std::vector<pki::certificate> out{one};
    for (;;) {
        const pki::certificate* next = nullptr;
        for (const auto& c : all) {
            if (!is_root(c) && !holds(out, c) && has_signed(c, out.back()) &&
                (next == nullptr || c.not_after() > next->not_after())) {
                next = &c;
            }
        }
        if (next == nullptr) {
            return out;
        }
        out.push_back(*next);
    }
}

tl::unexpected<error> no_device() {
    return fail(error_category::usage, "no_device",
                "there is no certificate of a device in it: sign the device first (berth chain sign --device)");
}

}  // namespace

result<device_chain> put_in(std::span<const pki::certificate> there, std::span<const pki::certificate> fresh) {
    std::vector<pki::certificate> all;
    for (const auto& some : {fresh, there}) {
        for (const auto& one : some) {
            if (!is_root(one) && !holds(all, one)) {
                all.push_back(one);
            }
        }
    }
    const auto first = std::ranges::find_if(all, [](const auto& one) { return !one.is_ca(); });
    if (first == all.end()) {
        return no_device();
    }
    // Roots say which signers are of one chain, and are not kept.
    std::vector<pki::certificate> roots;
    std::ranges::copy_if(fresh, std::back_inserter(roots), is_root);
    for (const auto& one : all) {
        if (!one.is_ca()) {
            if (!same_octets(one.spki(), first->spki())) {
                return fail(
                    error{error_category::usage,
                          "other_device",
                          fmt::format("the certificates of {} (serial number {}) and {} ({}) are of different keys: each device "
                                      "has a file of its own",
                                      first->subject(), first->serial_hex(), one.subject(), one.serial_hex()),
                          {{"subject", one.subject()}}});
            }
            continue;
        }
        const auto is_kin = [&](const pki::certificate& other) { return has_signed(one, other) || has_signed(other, one); };
        if (std::ranges::none_of(all, is_kin) && std::ranges::none_of(roots, is_kin)) {
            return fail(error{error_category::usage,
                              "not_of_this_chain",
                              fmt::format("{} has signed nothing that is there, and nobody there has signed it: put in the "
                                          "certificates between, too",
                                          one.subject()),
                              {{"subject", one.subject()}}});
        }
    }
    device_chain out;
    for (const auto& one : all) {
        if (one.is_ca()) {
            continue;
        }
        for (const auto& c : with_those_above(one, all)) {
            if (!holds(out.all, c)) {
                out.all.push_back(c);
            }
        }
        out.first = out.first == 0 ? out.all.size() : out.first;
    }
    std::ranges::copy_if(all, std::back_inserter(out.all), [&](const auto& one) { return !holds(out.all, one); });
    return out;
}

result<std::vector<pki::certificate>> sent_chain(std::span<const pki::certificate> all,
                                                 const std::optional<pki::certificate>& by) {
    bool any = false;
    for (const auto& one : all) {
        if (!one.is_ca()) {
            any = true;
            if (!by || has_signed(*by, one)) {
                return with_those_above(one, all);
            }
        }
    }
    if (!any) {
        return no_device();
    }
    return fail(error{error_category::usage,
                      "unknown_signer",
                      fmt::format("{} has not signed this device: berth chain show tells who has", by->subject()),
                      {{"subject", by->subject()}}});
}

}  // namespace berth::app
