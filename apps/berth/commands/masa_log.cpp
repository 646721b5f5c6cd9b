// berth masa log: what the MASA has decided, and the proof that nothing of it was changed.
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "wire/pem.h"

namespace berth::app {

namespace {

struct options {
    std::string masa, serial, key;
};

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

// Where the caller has named the key, the key is what is wrong, most likely; the MASA's own audit.pub is this log's.
error not_signed(error e, const std::string& given_key) {
    if (e.is("bad_signature") && !given_key.empty()) {
        e = std::move(e).during(given_key).with("file", given_key);
        e.category = error_category::usage;
    }
    return e;
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
            BERTH_TRY(store, open_masa_store(o->masa));
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
    auto* const verify = masa_command(*group, o->masa, "verify", "check the hash chain and every signed checkpoint");
    verify->add_option("--key", o->key, "the public key of the checkpoints (default: audit.pub of the MASA's directory)");
    verify->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
            BERTH_TRY(key, read_checkpoint_key(o->key.empty() ? std::filesystem::path(o->masa) / "audit.pub"
                                                              : std::filesystem::path(o->key)));
            registry::audit_verifier walk;
            for (;;) {
                BERTH_TRY(entries, store->audit_entries(walk.count(), 500));
                for (const auto& e : entries) {
                    BERTH_CHECK(walk.next(e));
                }
                if (entries.size() < 500) {
                    break;
                }
            }
            BERTH_TRY(checkpoints, store->checkpoints());
            for (const auto& checkpoint : checkpoints) {
                if (const auto checked = walk.check(checkpoint, key); !checked) {
                    return fail(not_signed(checked.error(), o->key));
                }
            }
            if (c.json) {
                print_json(wire::json::object{{"ok", true}, {"entries", walk.count()}, {"checkpoints", checkpoints.size()}});
            } else {
                fmt::print("The log is whole: {} entries, {} signed checkpoints.\n", walk.count(), checkpoints.size());
            }
            return {};
        });
    });
}

}  // namespace berth::app
