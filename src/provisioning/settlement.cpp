#include "provisioning/settlement.h"

#include "hub/login/login.h"
#include "pki/epoch.h"
#include "wire/base64.h"

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

using namespace registry;

tl::unexpected<error> refuse(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

bool was_assigned(const settlement_order& o) {
    return o.before && !o.before->hub.empty();
}

reprovision_way way_of(const settlement_order& o) {
    return o.who.enrolment.settings.reprovision;
}

// A certificate that is issued takes the place of the one that the device came with.
login_rule login_of(const settlement_order& o) {
    return o.csr ? login_rule{login_way::certificate_authority, std::nullopt, std::nullopt} : o.who.login;
}

identity_settings initial_settings(const settlement_order& o) {
    identity_settings out;
    out.login = login_of(o);
    out.group = o.who.enrolment.settings.group;
    out.tags = o.twin.tags.value_or(o.who.enrolment.settings.tags);
    return out;
}

// The generation of the identity that this enrolment made for the device, or that is its operator's to hand over: by naming one
// device, individually. 0: it has none. An identity that it found and left alone has none on record.
uint64_t owned_generation(const settlement_order& o) {
    const bool same_enrolment =
        o.before && o.before->via == o.who.enrolment.kind && same_registration_id(o.before->enrolment, o.who.enrolment.id);
    return was_assigned(o) && (same_enrolment || o.who.enrolment.kind == enrolment_kind::individual) &&
                   o.before->device_id == o.who.device_id
               ? o.before->generation
               : 0;
}

bool is_ours(const settlement_order& o, const identity& there) {
    const uint64_t owned = owned_generation(o);
    return owned != 0 && owned == there.generation;
}

// A group changes nobody's way to log in; an individual enrolment its own device's, when its certificates are others now. That
// somebody may not log in is an operator's word, and stays. Whose keys are somebody else's is given no other ones.
bool may_log_in_so(const settlement_order& o, const identity& there) {
    const bool may_change =
        there.settings.login.way != login_way::none && o.who.enrolment.kind == enrolment_kind::individual && is_ours(o, there);
    return may_change || (!o.who.tpm && there.settings.login == o.who.login);
}

// It is given a key of this hub's registry, and could do nothing with it where keys are not taken.
result<void> check_takes_keys(const settlement_order& o, hub_registry& hub) {
    if (!o.who.tpm) {
        return {};
    }
    if (!o.hub.local) {
        return fail(
            error_category::incompatible, "unsupported",
            fmt::format("A device that shows a TPM is given a key of the local hub alone, and {} is another.", o.hub.host));
    }
    BERTH_TRY(settings, hub.settings());
    if (!settings.device_sas) {
        return fail(
            error_category::incompatible, "unsupported",
            "This hub lets no device in by a shared key, which is what a TPM is given: its operator has to say so (berth hub "
            "set --device-sas on).");
    }
    return {};
}

// The key that it shares with the hub, for its TPM alone: the one it has, as long as it is to go on with that.
result<std::string> share_key(const settlement_order& o, hub_registry& hub, random_source& random, unix_seconds now) {
    const identity_name name{o.who.device_id, ""};
    BERTH_TRY(there, hub.find(name));
    if (!there) {
        return fail(error_category::internal, "identity_missing", "The identity that was made is not there.");
    }
    BERTH_TRY(keys, hub.keys_of(name));
    if (!keys || keys->primary.empty() || way_of(o) == reprovision_way::reset) {
        keys = draw_shared_keys(random);
        BERTH_CHECK(hub.set_keys(*there, *keys, now));
    }
    BERTH_TRY(sealed,
              attestation::shared_key_for(o.who.tpm->endorsement, o.who.tpm->storage_root, keys->primary.reveal(), random));
    return wire::base64(sealed);
}

// Whether the identity may be given to whoever registered: it was made for it, or lets it in as it stands.
result<void> check_identity(const settlement_order& o, const identity& there) {
    if (!may_log_in_so(o, there)) {
        return refuse("registered_otherwise", fmt::format("The hub knows another device as \"{}\", or knows it by other "
                                                          "certificates; its operator has to look into that.",
                                                          there.name.text()));
    }
    if (!there.settings.enabled) {
        return refuse("identity_disabled", fmt::format("\"{}\" is disabled at its hub.", there.name.text()));
    }
    return {};
}

// Also of one that was deleted and is made anew: it begins in the epoch that was its last.
result<void> check_certificates(const settlement_order& o, const identity& there) {
    if (o.from.chain.empty()) {
        return {};
    }
    // Or a device whose certificates were ended would get another one for the asking.
    const pki::certificate& leaf = o.from.chain.front();
    BERTH_TRY(epoch, pki::epoch_of(leaf));
    if (hub::epoch_passed(there, epoch, leaf.not_before())) {
        return refuse("certificates_ended", fmt::format("The certificates of \"{}\" up to {} were ended.", there.name.text(),
                                                        to_iso8601(there.epoch_raised)));
    }
    return {};
}

// Ids are one without case, names of devices are not: the first to come has it.
result<void> check_spelling(const settlement_order& o) {
    const bool by_group =
        was_assigned(o) && o.before->via == enrolment_kind::group && o.who.enrolment.kind == enrolment_kind::group;
    if (by_group && o.before->device_id != o.who.device_id) {
        return refuse("registered_otherwise",
                      fmt::format("\"{}\" is registered already, in another spelling.", o.who.registration_id));
    }
    return {};
}

// Its generation if this enrolment owns it, now or since before; 0: it lets the device in, and is somebody else's.
result<uint64_t> make_known(const settlement_order& o, const std::optional<identity>& there, hub_registry& hub,
                            random_source& random, unix_seconds now) {
    const bool again = was_assigned(o) && o.before->hub == o.hub.host && o.before->device_id == o.who.device_id;
    if (!there) {
        if (again && way_of(o) == reprovision_way::never) {
            return refuse("identity_deleted", fmt::format("The identity of \"{}\" was deleted, and its enrolment makes no other "
                                                          "for it (reprovisioning: never).",
                                                          o.who.device_id));
        }
        const auto fresh = make_identity({o.who.device_id, ""}, initial_settings(o), random, now);
        BERTH_CHECK(hub.add(fresh));
        return fresh.generation;
    }
    identity_settings wanted = there->settings;
    if (is_ours(o, *there) && way_of(o) == reprovision_way::reset) {
        wanted = initial_settings(o);
        // An operator's word about this one device is no part of what is reset.
        wanted.status_reason = there->settings.status_reason;
    }
    wanted.login = login_of(o);
    if (wanted != there->settings) {
        BERTH_CHECK(hub.change(*there, wanted, now));
    }
    return is_ours(o, *there) ? there->generation : 0;
}

result<std::vector<pki::certificate>> issue(const settlement_order& o, const std::optional<identity>& there,
                                            certificate_issuer* issuer) {
    if (!o.csr) {
        return std::vector<pki::certificate>();
    }
    if (!issuer) {
        return fail(error_category::incompatible, "no_issuer",
                    "This service issues no certificates: register without a request.");
    }
    auto issued = issuer->issue(
        {*o.csr, o.who.registration_id, {o.who.device_id, ""}, o.who.enrolment.id, o.who.vouched, there ? there->epoch : 0});
    if (!issued) {
        return fail(std::move(issued).error().with("issuing", "failed"));
    }
    if (issued->empty()) {
        return fail(error_category::internal, "nothing_issued", "The issuer answered with no certificate.");
    }
    return issued;
}

registration_detail detail_of(const settlement_order& o, uint64_t generation) {
    if (!was_assigned(o)) {
        return registration_detail::first;
    }
    // Nobody's data are said to be reset that were left alone.
    if (way_of(o) == reprovision_way::reset && (generation != 0 || !o.hub.local)) {
        return registration_detail::reset;
    }
    return o.before->hub == o.hub.host ? registration_detail::again : registration_detail::migrated;
}

registration record_of(const settlement_order& o, uint64_t generation, bool once, unix_seconds now) {
    registration out;
    out.id = o.who.registration_id;
    out.via = o.who.enrolment.kind;
    out.enrolment = o.who.enrolment.id;
    out.detail = detail_of(o, generation);
    out.device_id = o.who.device_id;
    out.hub = o.hub.host;
    out.generation = generation;
    out.certificate = o.who.certificate;
    // A chain, or a key for a TPM, is not kept; half of the answer would be worse than none.
    out.operation = once ? "" : o.operation;
    out.payload = o.payload;
    out.created = o.before ? o.before->created : now;
    out.changed = now;
    out.version = o.before ? o.before->version + 1 : 1;
    return out;
}

// As one that is made begins, or begins anew.
result<void> begin_twin(const settlement_order& o, twin_registry& twins, unix_seconds now) {
    const std::string text = o.twin.desired.value_or(o.who.enrolment.settings.desired);
    const identity_name name{o.who.device_id, ""};
    BERTH_TRY(before, twins.twin_of(name));
    BERTH_TRY(wanted, wire::parse_json_object(text.empty() ? "{}" : text, 2 * most_twin_section));
    if (before.desired.properties == wanted) {
        return {};
    }
    BERTH_TRY(after, replaced(before.desired, wanted, now));
    return twins.set_desired(name, after, difference(before.desired.properties, after.properties));
}

}  // namespace

result<settled> settle(const settlement_order& order, hub_registry& hub, provisioning_registry& records, twin_registry* twins,
                       certificate_issuer* issuer, random_source& random, unix_seconds now) {
    settled out;
    const auto work = [&]() -> result<void> {
        BERTH_CHECK(check_spelling(order));
        BERTH_CHECK(check_takes_keys(order, hub));
        std::optional<identity> there;
        if (order.hub.local) {
            BERTH_TRY(found, hub.find({order.who.device_id, ""}));
            there = std::move(found);
        }
        if (there) {
            BERTH_CHECK(check_identity(order, *there));
        }
        // Where it is sent elsewhere, what was made here stays its own.
        uint64_t generation = owned_generation(order);
        if (order.hub.local) {
            const bool begins = !there || (is_ours(order, *there) && way_of(order) == reprovision_way::reset);
            BERTH_TRY(made, make_known(order, there, hub, random, now));
            generation = made;
            if (begins && twins) {
                BERTH_CHECK(begin_twin(order, *twins, now));
            }
            BERTH_TRY(known, hub.find({order.who.device_id, ""}));
            BERTH_CHECK(check_certificates(order, *known));
            there = std::move(known);
        }
        BERTH_TRY(issued, issue(order, there, issuer));
        out.issued = std::move(issued);
        if (order.who.tpm) {
            BERTH_TRY(key, share_key(order, hub, random, now));
            out.authentication_key = std::move(key);
        }
        out.record = record_of(order, generation, !out.issued.empty() || order.who.tpm, now);
        return records.put(out.record);
    };
    BERTH_CHECK(records.together(work));
    return out;
}

}  // namespace berth::provisioning
