#include "firmware/verify.h"

#include "crypto/hash.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace berth::firmware {

namespace {

tl::unexpected<error> refused(std::string name, std::string message,
                              std::vector<std::pair<std::string, std::string>> params = {}) {
    return fail(error{error_category::peer, std::move(name), std::move(message), std::move(params)});
}

result<void> same_repository(std::string_view own, std::string_view other) {
    if (own != other) {
        return refused("wrong_repository",
                       fmt::format("The document is of repository \"{}\", and the root of \"{}\".", other, own));
    }
    return {};
}

std::string payload_digest(const document& d) {
    return to_hex(crypto::sha256(as_bytes(wire::to_text(d.payload()))).view());
}

result<void> must_be(const document& d, document_kind kind) {
    if (d.kind() != kind) {
        return refused("wrong_document",
                       fmt::format("This is a {}, where a {} is wanted.", to_string(d.kind()), to_string(kind)));
    }
    return {};
}

}  // namespace

result<std::vector<std::string>> signed_by(const document& d, const root_content& root, const role& by) {
    std::vector<std::string> out;
    for (const auto& name : by.signers) {
        const auto* const who = root.find(name);
        size_t keys = 0;
        for (const auto& key : who->keys) {
            const auto found = std::ranges::find(d.signatures(), key.kid, &document::signature::kid);
            if (found == d.signatures().end()) {
                continue;
            }
            auto proven = jose::verify(key, d.token(*found), 2 * most_document);
            if (!proven) {
                return fail(error{std::move(proven).error()}.during("the signature of " + name).with("signer", name));
            }
            if (!jose::same_type(proven->head().typ, document_type)) {
                return refused("wrong_type", "A signature of " + name + " was made for something else than firmware.",
                               {{"signer", name}});
            }
            ++keys;
        }
        if (keys == who->keys.size()) {
            out.push_back(name);
        }
    }
    if (out.size() < by.threshold) {
        return refused(
            "too_few_signers",
            fmt::format("The {} is signed by {} of the signers that count ({}), with all of their keys, and {} must be.",
                        to_string(d.kind()), out.size(), fmt::join(by.signers, ", "), by.threshold),
            {{"signed", fmt::format("{}", fmt::join(out, ","))}, {"threshold", std::to_string(by.threshold)}});
    }
    return out;
}

result<trusted_root> trust_root(const document& d) {
    BERTH_CHECK(must_be(d, document_kind::root));
    BERTH_TRY(content, read_root(d.payload()));
    BERTH_CHECK(signed_by(d, content, content.root));
    return trusted_root(std::move(content), d.text());
}

result<trusted_root> next_root(const trusted_root& now, const document& d) {
    BERTH_CHECK(must_be(d, document_kind::root));
    BERTH_TRY(content, read_root(d.payload()));
    BERTH_CHECK(same_repository(now.content().repository, content.repository));
    if (content.version != now.content().version + 1) {
        return refused("root_not_consecutive",
                       fmt::format("Root {} does not follow root {}: each comes after the one before it.", content.version,
                                   now.content().version),
                       {{"version", std::to_string(content.version)}, {"trusted", std::to_string(now.content().version)}});
    }
    BERTH_CHECK(signed_by(d, now.content(), now.content().root));
    BERTH_CHECK(signed_by(d, content, content.root));
    return trusted_root(std::move(content), d.text());
}

result<verified_list> verify_list(const trusted_root& root, const document& d, const seen& last, unix_seconds now) {
    BERTH_CHECK(must_be(d, document_kind::list));
    const auto& trusted = root.content();
    BERTH_CHECK(signed_by(d, trusted, trusted.list));
    BERTH_TRY(content, read_list(d.payload()));
    BERTH_CHECK(same_repository(trusted.repository, content.repository));
    if (content.root > trusted.version) {
        return refused("root_missing",
                       fmt::format("The list was made under root {}, and the newest that the repository shows after {} is "
                                   "missing: publish it.",
                                   content.root, trusted.version));
    }
    const seen now_seen{content.version, payload_digest(d), fingerprint(trusted, trusted.list)};
    if (last.list_keys == now_seen.list_keys) {
        if (content.version < last.list_version) {
            return refused("list_rollback", fmt::format("The list has version {}, and version {} was seen before.",
                                                        content.version, last.list_version));
        }
        if (content.version == last.list_version && now_seen.list_digest != last.list_digest) {
            return refused("list_changed",
                           fmt::format("There are two lists of version {}: whoever signs them says different things to "
                                       "different devices.",
                                       content.version));
        }
    }
    if (now != 0 && now >= content.expires) {
        return refused("list_expired",
                       fmt::format("The list expired at {}: nobody has published a new one, or somebody withholds it. `berth "
                                   "firmware publish` renews it; is the device's clock right?",
                                   to_iso8601(content.expires)));
    }
    return verified_list(std::move(content), now_seen);
}

result<verified_manifest> verify_manifest(const trusted_root& root, const document& d) {
    BERTH_CHECK(must_be(d, document_kind::manifest));
    const auto& trusted = root.content();
    BERTH_TRY(signers, signed_by(d, trusted, trusted.release));
    BERTH_TRY(content, read_manifest(d.payload()));
    BERTH_CHECK(same_repository(trusted.repository, content.repository));
    return verified_manifest(std::move(content), d.text(), std::move(signers));
}

result<void> check_listed(const verified_manifest& m, const release& listed) {
    const auto& is = m.content();
    if (is.seq != listed.seq || is.vendor != listed.vendor || is.device_class != listed.device_class ||
        is.version != listed.version) {
        return refused("mixed_documents",
                       fmt::format("The list speaks of seq {} ({}) for {}, and the manifest is seq {} ({}) for {}.", listed.seq,
                                   listed.version, listed.device_class, is.seq, is.version, is.device_class));
    }
    return {};
}

result<void> check_time(std::string_view what, unix_seconds expires, unix_seconds now) {
    if (now != 0 && now >= expires) {
        return refused(std::string(what) + "_expired",
                       fmt::format("The {} expired at {}. Is the device's clock right? Its signers make a new one.", what,
                                   to_iso8601(expires)));
    }
    return {};
}

result<void> acceptable(const verified_manifest& m, const device_facts& device) {
    const auto& is = m.content();
    const auto wrong_device = [&](const char* member, std::string_view theirs, std::string_view ours) {
        return refused("wrong_device",
                       fmt::format("This firmware is for {} \"{}\", and this device is of \"{}\".", member, theirs, ours),
                       {{"member", member}});
    };
    if (is.vendor != device.vendor) {
        return wrong_device("vendor", is.vendor, device.vendor);
    }
    if (is.device_class != device.device_class) {
        return wrong_device("class", is.device_class, device.device_class);
    }
    if (!is.revisions.empty() && std::ranges::find(is.revisions, device.revision) == is.revisions.end()) {
        return wrong_device("revision", fmt::format("{}", fmt::join(is.revisions, ", ")), device.revision);
    }
    if (is.seq == device.installed_seq) {
        return refused("up_to_date", fmt::format("Seq {} ({}) is installed.", is.seq, is.version));
    }
    if (is.seq < device.installed_seq) {
        return refused("rollback", fmt::format("Seq {} ({}) is older than seq {}, which is installed.", is.seq, is.version,
                                               device.installed_seq));
    }
    if (is.security_counter < device.security_counter) {
        return refused("security_rollback",
                       fmt::format("Its security counter is {}, and the device's is {}: what has a lower one is known to be "
                                   "unsafe.",
                                   is.security_counter, device.security_counter));
    }
    if (device.installed_seq < is.min_seq) {
        return refused("too_old", fmt::format("It can be installed over seq {} and later, and seq {} is installed: something "
                                              "between comes first.",
                                              is.min_seq, device.installed_seq));
    }
    if (device.returned.contains(is.seq) && !device.again) {
        return refused("has_returned",
                       fmt::format("Seq {} ({}) was tried here and did not hold. Release a higher seq, or try it once more with "
                                   "--again.",
                                   is.seq, is.version));
    }
    for (const auto& d : is.dependencies) {
        const auto found = device.others.find(d.device_class);
        if (found == device.others.end() || found->second < d.min_seq) {
            return refused("dependency_missing",
                           fmt::format("It needs {} at seq {} or later, which this device has not: update that first, and say so "
                                       "with --other {}=SEQ.",
                                       d.device_class, d.min_seq, d.device_class),
                           {{"class", d.device_class}});
        }
    }
    uint64_t space = is.needs.free_space;
    for (const auto& c : is.components) {
        space += c.image.size;
    }
    if (device.free_space && *device.free_space < space) {
        return fail(error{error_category::environment, "no_space",
                          fmt::format("It needs {} octets, and {} are free: make room.", space, *device.free_space)});
    }
    if (device.battery_percent && *device.battery_percent < is.needs.battery_percent) {
        return fail(error{error_category::environment, "battery_low",
                          fmt::format("It asks for a battery at {} %, and it is at {} %: charge it.", is.needs.battery_percent,
                                      *device.battery_percent)});
    }
    return {};
}

}  // namespace berth::firmware
