#include "registry/provisioning/enrolment.h"

#include "pki/subject_name.h"
#include "registry/hub/etag.h"
#include "registry/hub/twin.h"
#include "registry/provisioning/registration.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

template <class E, size_t N>
using words = std::array<std::pair<E, std::string_view>, N>;

constexpr words<enrolment_kind, 2> kinds{{{enrolment_kind::individual, "individual"}, {enrolment_kind::group, "group"}}};
constexpr words<allocation_way, 4> allocations{{{allocation_way::hashed, "hashed"},
                                                {allocation_way::fixed, "static"},
                                                {allocation_way::lowest_latency, "geoLatency"},
                                                {allocation_way::webhook, "custom"}}};
constexpr words<reprovision_way, 3> reprovisions{
    {{reprovision_way::migrate, "migrate"}, {reprovision_way::reset, "reset"}, {reprovision_way::never, "never"}}};

template <class E, size_t N>
std::optional<E> from(const words<E, N>& all, std::string_view text) {
    const auto* const found = std::ranges::find(all, text, &std::pair<E, std::string_view>::second);
    return found != all.end() ? std::optional(found->first) : std::nullopt;
}

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool may_stand_in_an_id(char c) {
    return is_letter_or_digit(c) || std::string_view("-._:").find(c) != std::string_view::npos;
}

tl::unexpected<error> bad_id(std::string_view id, const std::string& why) {
    std::string shown;
    for (const char c : id.substr(0, most_registration_id + 1)) {
        shown += may_stand_in_an_id(c) ? c : '?';
    }
    return fail(error{
        error_category::usage, "bad_registration_id", fmt::format("the registration id \"{}\" {}", shown, why), {{"id", shown}}});
}

tl::unexpected<error> bad(const std::string& member, const std::string& why) {
    return fail(error{error_category::usage, "bad_enrolment", fmt::format("{} {}", member, why), {{"member", member}}});
}

// What a device shows must bear its name, or it would never be let in.
result<void> check_certificate(const std::string& member, const pki::certificate& certificate, std::string_view id) {
    const auto name = pki::only_common_name(certificate);
    if (!name) {
        return bad(member, "needs a certificate with one common name: " + name.error().message);
    }
    if (!same_registration_id(*name, id)) {
        return bad(member, fmt::format("is a certificate whose common name is not the registration id \"{}\"", id));
    }
    return {};
}

result<void> check_attestation(enrolment_kind kind, std::string_view id, const attestation_rule& rule) {
    const bool has_certificate = rule.primary || rule.secondary;
    const bool has_ca = !rule.primary_ca.empty() || !rule.secondary_ca.empty();
    const bool has_tpm = rule.by_tpm() || !rule.storage_root_key.empty();
    if (kind == enrolment_kind::group && has_tpm) {
        return bad("attestation", "of a group names registered CAs: a TPM is one device's");
    }
    if (kind == enrolment_kind::group) {
        if (has_certificate) {
            return bad("attestation", "of a group names registered CAs: certificates of devices are of individual enrolments");
        }
        if (!has_ca) {
            return bad("attestation", "names one registered CA at least");
        }
        for (const auto& name : {rule.primary_ca, rule.secondary_ca}) {
            if (!name.empty()) {
                BERTH_CHECK(check_ca_name(name));
            }
        }
        return {};
    }
    if (has_ca) {
        return bad("attestation", "of one device is its certificate: CAs are of groups");
    }
    if (has_tpm) {
        if (has_certificate) {
            return bad("attestation", "is by certificate or by TPM: give one of them");
        }
        if (!rule.by_tpm() || rule.endorsement_key.size() > most_tpm_area || rule.storage_root_key.size() > most_tpm_area) {
            return bad("attestation", "by TPM has its endorsement key");
        }
        return {};
    }
    if (!has_certificate) {
        return bad("attestation", "has one certificate of the device at least, or the endorsement key of its TPM");
    }
    if (rule.primary) {
        BERTH_CHECK(check_certificate("primary", *rule.primary, id));
    }
    if (rule.secondary) {
        BERTH_CHECK(check_certificate("secondary", *rule.secondary, id));
    }
    return {};
}

// A request to it tells who the devices are, and its answer where they go: nobody on the way may read or change that.
result<void> check_webhook(std::string_view url) {
    constexpr std::array<std::string_view, 3> here{"http://localhost", "http://127.0.0.1", "http://[::1]"};
    const bool at_home = std::ranges::any_of(here, [&](std::string_view host) {
        return url.starts_with(host) && (url.size() == host.size() || std::string_view(":/?").find(url[host.size()]) != url.npos);
    });
    constexpr std::string_view secure = "https://";
    if (!at_home && (!url.starts_with(secure) || url.size() == secure.size())) {
        return bad("webhook", "is an https URL (http is for this machine alone)");
    }
    const bool plain = std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>'; });
    if (url.size() > most_webhook_url || !plain || url.find('@') != url.npos || url.find('#') != url.npos) {
        return bad("webhook", fmt::format("is a URL of up to {} characters, without user and fragment", most_webhook_url));
    }
    return {};
}

result<void> check_allocation(const enrolment_settings& s) {
    if (s.hubs.size() > most_enrolment_hubs) {
        return bad("hubs", fmt::format("are up to {}", most_enrolment_hubs));
    }
    for (size_t i = 0; i < s.hubs.size(); ++i) {
        linked_hub one;
        one.host = s.hubs[i];
        BERTH_CHECK(check_linked_hub(one));
        if (std::find(s.hubs.begin(), s.hubs.begin() + static_cast<std::ptrdiff_t>(i), s.hubs[i]) !=
            s.hubs.begin() + static_cast<std::ptrdiff_t>(i)) {
            return bad("hubs", fmt::format("name {} twice", s.hubs[i]));
        }
    }
    if (s.allocation == allocation_way::fixed && s.hubs.size() != 1) {
        return bad("hubs", "are one, where the allocation is static");
    }
    if (s.allocation == allocation_way::webhook) {
        return check_webhook(s.webhook);
    }
    return s.webhook.empty() ? result<void>() : bad("webhook", "is of the custom allocation only");
}

}  // namespace

std::string_view to_string(enrolment_kind k) {
    return kinds[static_cast<size_t>(k)].second;
}

std::optional<enrolment_kind> enrolment_kind_from(std::string_view text) {
    return from(kinds, text);
}

std::string_view to_string(allocation_way w) {
    return allocations[static_cast<size_t>(w)].second;
}

std::optional<allocation_way> allocation_way_from(std::string_view text) {
    return from(allocations, text);
}

std::string_view to_string(reprovision_way w) {
    return reprovisions[static_cast<size_t>(w)].second;
}

std::optional<reprovision_way> reprovision_way_from(std::string_view text) {
    return from(reprovisions, text);
}

std::string enrolment::etag() const {
    return fmt::format("{:x}-{}", generation, version);
}

enrolment make_enrolment(enrolment_kind kind, std::string id, enrolment_settings settings, random_source& random,
                         unix_seconds now) {
    // Fits into a signed number of 64 bits.
    return {kind, std::move(id), random.number() >> 1, 1, std::move(settings), now, now};
}

result<void> check_registration_id(std::string_view id) {
    if (id.empty()) {
        return bad_id(id, "is empty: it has 1 to 128 characters");
    }
    if (id.size() > most_registration_id) {
        return bad_id(id, fmt::format("has {} characters, of at most {}", id.size(), most_registration_id));
    }
    if (!std::ranges::all_of(id, may_stand_in_an_id)) {
        return bad_id(id, "has a character that it may not have: letters, digits and - . _ : (ASCII)");
    }
    if (!is_letter_or_digit(id.back()) && id.back() != '-') {
        return bad_id(id, "does not end in a letter, a digit or '-'");
    }
    return {};
}

std::string fold_registration_id(std::string_view id) {
    std::string out(id);
    // Not tolower(): it depends on the locale.
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return out;
}

bool same_registration_id(std::string_view a, std::string_view b) {
    return fold_registration_id(a) == fold_registration_id(b);
}

result<void> check_enrolment(enrolment_kind kind, std::string_view id, const enrolment_settings& settings) {
    BERTH_CHECK(check_registration_id(id));
    BERTH_CHECK(check_attestation(kind, id, settings.attestation));
    if (!settings.device_id.empty()) {
        if (kind == enrolment_kind::group) {
            return bad("deviceId", "of a group is each device's own, out of its certificate");
        }
        BERTH_CHECK(check_name_part("device", settings.device_id));
    }
    BERTH_CHECK(check_allocation(settings));
    identity_settings of_identity;
    of_identity.group = settings.group;
    of_identity.tags = settings.tags;
    BERTH_CHECK(check_settings(of_identity));
    if (settings.desired.empty()) {
        return {};
    }
    BERTH_TRY(desired, wire::parse_json_object(settings.desired, 2 * most_twin_section));
    return replaced({}, desired, 0).map([](const auto&) {});
}

result<void> check_etag(const enrolment& now, std::string_view if_match) {
    if (etag_matches(if_match, now.etag())) {
        return {};
    }
    return fail(
        error{error_category::peer,
              "etag_mismatch",
              fmt::format("the enrolment \"{}\" has been changed since it was read: read it again, and change that", now.id),
              {{"id", now.id}, {"etag", now.etag()}}});
}

error unknown_enrolment(enrolment_kind kind, std::string_view id) {
    return {error_category::peer,
            "unknown_enrolment",
            fmt::format("there is no {} \"{}\"", kind == enrolment_kind::group ? "enrolment group" : "individual enrolment", id),
            {{"id", std::string(id)}}};
}

}  // namespace berth::registry
