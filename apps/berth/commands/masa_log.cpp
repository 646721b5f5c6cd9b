// berth masa log: what the MASA has decided, and the proof that nothing of it was changed.
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "setup/keys.h"
#include "wire/base64.h"
#include "wire/pem.h"

#include <set>

namespace berth::app {

namespace {

struct options {
    std::string masa, serial, key, out;
    std::vector<std::string> kept;
    bool allow_uncovered = false;
};

// berthd signs a checkpoint a minute while it serves, at start and when it ends. What has none after this long should.
constexpr unix_seconds uncovered_most = 300;

result<crypto::verification_key> read_checkpoint_key(const std::filesystem::path& file) {
    BERTH_TRY(pem, read_text(file));
    const auto blocks = wire::from_pem(pem);
    if (!blocks || blocks->size() != 1 || blocks->front().label != "PUBLIC KEY") {
        return fail(error_category::usage, "bad_pem",
                    fmt::format("{} must hold one PUBLIC KEY in PEM; `berth masa init` wrote it as audit.pub", file.string()));
    }
    auto key = crypto::verification_key::from_spki(blocks->front().der.reveal());
    if (!key) {
        error e = error(key.error()).during(file.string()).with("file", file.string());
        e.category = error_category::usage;  // a file that was named wrongly, and no peer's key
        return fail(std::move(e));
    }
    return key;
}

result<crypto::verification_key> checkpoint_key(const options& o) {
    return read_checkpoint_key(o.key.empty() ? std::filesystem::path(o.masa) / "audit.pub" : std::filesystem::path(o.key));
}

void with_key(CLI::App* cmd, const std::shared_ptr<options>& o) {
    cmd->add_option("--key", o->key, "the public key of the checkpoints (default: audit.pub of the MASA's directory)");
}

// Where the caller has named the key, the key is what is wrong, most likely; the MASA's own audit.pub is this log's.
error not_signed(error e, const std::string& given_key) {
    if (e.is("bad_signature") && !given_key.empty()) {
        e = std::move(e).during(given_key).with("file", given_key);
        e.category = error_category::usage;
    }
    return e;
}

wire::json::object to_json(const registry::audit_checkpoint& c) {
    return {{"number", c.number}, {"time", c.at}, {"hash", to_hex(c.hash)}, {"signature", wire::base64(c.signature)}};
}

// What `berth masa log checkpoint` wrote. Errors of files and JSON, `bad_checkpoint`; each names the file.
result<registry::audit_checkpoint> read_checkpoint(const std::string& file) {
    BERTH_TRY(text, read_text(file));
    auto read = [&]() -> result<registry::audit_checkpoint> {
        BERTH_TRY(object, wire::parse_json_object(text));
        BERTH_TRY(number, wire::integer_member(object, "number"));
        BERTH_TRY(at, wire::integer_member(object, "time"));
        BERTH_TRY(hash_text, wire::text_member(object, "hash"));
        BERTH_TRY(signature_text, wire::text_member(object, "signature"));
        BERTH_TRY(signature, wire::from_base64(signature_text));
        const auto hash = from_hex(hash_text);
        if (!hash || hash->size() != 32 || number < 1) {
            return fail(error_category::usage, "bad_checkpoint", "this is not what `berth masa log checkpoint` writes");
        }
        return registry::audit_checkpoint{static_cast<uint64_t>(number), at, to_array<32>(*hash), std::move(signature)};
    }();
    if (!read) {
        return fail(std::move(read).error().during(file).with("file", file));
    }
    return read;
}

tl::unexpected<error> altered(const std::string& what) {
    return fail(error_category::environment, "audit_altered", what);
}

// What was made and whom it was given to must stand in the log: one that was emptied, or begun anew, does not know them.
class known_to_log {
public:
    void note(const registry::audit_entry& e) {
        if (e.what.event == "manufactured") {
            made_.insert(e.what.device);
        } else if (e.what.event == "customer_registered") {
            registered_.insert(e.what.customer);
        }
    }
    // Error `audit_altered`.
    result<void> check(registry::masa_registry& records) const {
        BERTH_TRY(customers, records.customers());
        for (const auto& c : customers) {
            if (!registered_.contains(c.name)) {
                return altered(
                    fmt::format("customer \"{}\" is registered, and the log does not tell of it: entries were removed", c.name));
            }
        }
        onboarding::device_identity after;
        for (;;) {
            BERTH_TRY(some, records.list_devices(500, after));
            for (const auto& d : some) {
                if (!made_.contains(d.device)) {
                    return altered(
                        fmt::format("device {} is in the records, and the log does not tell of its making: entries were "
                                    "removed",
                                    d.device.serial));
                }
                after = d.device;
            }
            if (some.size() < 500) {
                return {};
            }
        }
    }

private:
    std::set<onboarding::device_identity> made_;
    std::set<std::string> registered_;
};

struct verified_log {
    uint64_t entries = 0;
    size_t checkpoints = 0;
    uint64_t covered = 0;           // entries up to the newest checkpoint
    unix_seconds uncovered_at = 0;  // of the first behind it
};

result<verified_log> verify_log(registry::masa_registry& records, const crypto::verification_key& key, const options& o) {
    verified_log out;
    BERTH_TRY(checkpoints, records.checkpoints());
    out.checkpoints = checkpoints.size();
    out.covered = checkpoints.empty() ? 0 : checkpoints.back().number;
    registry::audit_verifier walk;
    known_to_log known;
    for (bool more = true; more;) {
        BERTH_TRY(entries, records.audit_entries(walk.count(), 500));
        for (const auto& e : entries) {
            BERTH_CHECK(walk.next(e));
            known.note(e);
            if (e.number == out.covered + 1) {
                out.uncovered_at = e.what.at;
            }
        }
        more = entries.size() == 500;
    }
    out.entries = walk.count();
    for (const auto& checkpoint : checkpoints) {
        if (const auto checked = walk.check(checkpoint, key); !checked) {
            return fail(not_signed(checked.error(), o.key));
        }
    }
    for (const auto& file : o.kept) {
        BERTH_TRY(checkpoint, read_checkpoint(file));
        if (const auto checked = walk.check(checkpoint, key); !checked) {
            return fail(error(not_signed(checked.error(), o.key)).during(file).with("checkpoint", file));
        }
    }
    BERTH_CHECK(known.check(records));
    return out;
}

// An entry's time is its writer's word, who need not be the MASA: one that is still to come would need no checkpoint for as
// long as its writer likes. Error `checkpoint_missing`.
result<void> judge_uncovered(const verified_log& log, unix_seconds now, const options& o) {
    const bool to_come = log.uncovered_at > now + uncovered_most;
    if (log.entries == log.covered || o.allow_uncovered || (!to_come && log.uncovered_at >= now - uncovered_most)) {
        return {};
    }
    const char* const why = to_come ? "which is still to come: a clock is wrong, or it was not the MASA who wrote them. "
                                      "--allow-uncovered takes it so"
                                    : "and berthd signs one a minute while it serves. Start it and ask again in a minute; if it "
                                      "has served since, checkpoints were removed. --allow-uncovered takes it so, of a copy or a "
                                      "MASA that does not serve";
    return fail(error{error_category::environment,
                      "checkpoint_missing",
                      fmt::format("entries {} to {} hang together, and no signed checkpoint covers them, the first of {}, {}",
                                  log.covered + 1, log.entries, to_iso8601(log.uncovered_at), why),
                      {{"number", std::to_string(log.covered + 1)}}});
}

void say(const context& c, const verified_log& log, size_t kept) {
    const uint64_t uncovered = log.entries - log.covered;
    if (c.json) {
        return print_json(wire::json::object{{"ok", true},
                                             {"entries", log.entries},
                                             {"checkpoints", log.checkpoints},
                                             {"checkpoints_kept_elsewhere", kept},
                                             {"uncovered", uncovered}});
    }
    if (log.entries == 0) {
        fmt::print("The log is empty, and so are the records.\n");
        return;
    }
    fmt::print("The log is whole: {} entries, {} signed checkpoints{}.\n", log.entries, log.checkpoints,
               kept ? fmt::format(", {} kept elsewhere", kept) : "");
    if (uncovered > 0) {
        fmt::print("The last {} are covered by no checkpoint yet.\n", uncovered);
    }
    if (kept == 0) {
        fmt::print("That its end was not cut off, checkpoints that are kept elsewhere prove: berth masa log checkpoint.\n");
    }
}

void add_checkpoint(CLI::App& group, const std::shared_ptr<options>& o, context& c) {
    auto* const cmd = masa_command(group, o->masa, "checkpoint", "write down the newest signed checkpoint, to be kept elsewhere");
    cmd->add_option("--out", o->out, "where to, a new file; none: standard output");
    with_key(cmd, o);
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_masa_store(o->masa));
            BERTH_TRY(all, store->checkpoints());
            if (all.empty()) {
                return fail(error_category::environment, "checkpoint_missing",
                            "no checkpoint was signed yet: berthd signs one a minute while it serves");
            }
            // Kept for the day when it is needed: it must be one then.
            BERTH_TRY(key, checkpoint_key(*o));
            if (const auto signed_well = registry::check_checkpoint(all.back(), key); !signed_well) {
                return fail(not_signed(signed_well.error(), o->key));
            }
            const auto object = to_json(all.back());
            if (o->out.empty()) {
                print_json(object);
                return {};
            }
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_CHECK(write_text(o->out, wire::to_text(object) + "\n"));
            if (c.json) {
                print_json(wire::json::object{{"checkpoint", o->out}, {"number", all.back().number}});
            } else {
                fmt::print("{} holds the checkpoint of entry {}; keep it away from the MASA, for berth masa log verify "
                           "--checkpoint.\n",
                           o->out, all.back().number);
            }
            return {};
        });
    });
}

}  // namespace

void add_masa_log(CLI::App& masa, context& c) {
    auto* const group = masa.add_subcommand("log", "the MASA's audit log");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const shown = masa_command(*group, o->masa, "show", "print the log, oldest first");
    shown->add_option("--serial", o->serial, "only of this device");
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_masa_store(o->masa));
            uint64_t after = 0;
            for (;;) {
                BERTH_TRY(entries, store->audit_entries(after, 500));
                for (const auto& e : entries) {
                    after = e.number;
                    if (!o->serial.empty() && e.what.device.serial != o->serial) {
                        continue;
                    }
                    if (c.json) {
                        print_json(wire::json::object{{"number", e.number},
                                                      {"time", to_iso8601(e.what.at)},
                                                      {"event", e.what.event},
                                                      {"serial", e.what.device.serial},
                                                      {"customer", e.what.customer},
                                                      {"outcome", e.what.outcome},
                                                      {"id", e.what.log_id},
                                                      {"hash", to_hex(e.hash)}});
                    } else {
                        fmt::print("{:>6} {} {:<20} {:<20} {:<16} {}\n", e.number, to_iso8601(e.what.at), e.what.event,
                                   e.what.device.serial, e.what.customer, e.what.outcome);
                    }
                }
                if (entries.size() < 500) {
                    return {};
                }
            }
        });
    });
    add_checkpoint(*group, o, c);
    auto* const verify = masa_command(*group, o->masa, "verify", "check the hash chain and every signed checkpoint");
    with_key(verify, o);
    verify->add_option("--checkpoint", o->kept, "a checkpoint that was kept elsewhere (berth masa log checkpoint); repeatable");
    verify->add_flag("--allow-uncovered", o->allow_uncovered, "take it that old entries have no checkpoint");
    verify->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_masa_store(o->masa));
            BERTH_TRY(key, checkpoint_key(*o));
            // What is made or registered meanwhile would stand in the records, and not in what was read of the log.
            BERTH_TRY(verified, store->at_one_moment([&] { return verify_log(*store, key, *o); }));
            BERTH_CHECK(judge_uncovered(verified, system_clock().now(), *o));
            say(c, verified, o->kept.size());
            return {};
        });
    });
}

}  // namespace berth::app
