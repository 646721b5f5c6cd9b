// berth device recover | factory reissue: a device after TPM2_Clear, and its manufacturer.
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "setup/device_recovery.h"
#include "setup/message_file.h"
#include "setup/reissue.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

wire::json::object to_json(const device_recovery& device, const recovery_state& state) {
    return {{"serial", device.serial()},
            {"restored", wire::json::array(state.restored.begin(), state.restored.end())},
            {"lost", wire::json::array(state.lost.begin(), state.lost.end())},
            {"nv_certificate", state.nv_certificate},
            {"recovered", !state.kem_lost}};
}

std::string to_text(const device_recovery& device, const recovery_state& state) {
    std::string out = state.restored.empty()
                          ? fmt::format("The TPM is that of {}, and has its keys.\n", one_line(device.serial()))
                          : fmt::format("The TPM is that of {}; its keys are at {} again.\n", one_line(device.serial()),
                                        fmt::join(state.restored, ", "));
    if (!state.nv_certificate) {
        out += "The TPM has no IDevID certificate in NV any more; the bundle's is good without.\n";
    }
    out += state.lost.empty() ? "Nothing is lost.\n"
                              : fmt::format("Lost for good: {}.\n", one_line(fmt::format("{}", fmt::join(state.lost, ", "))));
    return out;
}

struct recover_options {
    std::string bundle, reply, out, passphrase_file;
};

// What was made for the manufacturer, and in which file it is.
result<void> hand_over(const context& c, const recover_options& o, const device_recovery& device, wire::json::object told,
                       const std::string& text, const message_file& message, const char* name) {
    const std::string file = o.out.empty() ? (device.directory() / name).string() : o.out;
    if (o.out.empty()) {
        std::error_code ignored;
        fs::remove(file, ignored);  // what was written there before is of an earlier challenge
    }
    // An answer is as good as the key until it was judged.
    BERTH_CHECK(write_message(file, message, message.label == unit_answer_label ? 0600 : 0644));
    if (c.json) {
        told["file"] = file;
        told["message"] = message.label;
        print_json(told);
    } else {
        fmt::print(
            "{}Give {} to the manufacturer: berth factory reissue --request; what comes back: berth device recover --bundle "
            "{} --reply\n",
            text, file, shell_word(o.bundle));
    }
    return {};
}

result<void> recovered(const context& c, const std::string& serial, wire::json::object told, const std::string& text) {
    if (c.json) {
        told["serial"] = serial;
        told["recovered"] = true;
        print_json(told);
    } else {
        fmt::print(
            "{}{} has its KEM certificate again, for a new key. What it was onboarded with in the TPM is gone: berth device "
            "onboard\n",
            text, one_line(serial));
    }
    return {};
}

result<void> take_reply(const context& c, const recover_options& o, device_recovery& device) {
    BERTH_TRY(reply, read_message(o.reply, {unit_challenge_label, unit_grant_label}));
    if (reply.label == unit_grant_label) {
        BERTH_CHECK(device.accept(reply.octets, crypto::system_random()));
        return recovered(c, device.serial(), {}, "");
    }
    BERTH_TRY(answer, device.answer(reply.octets, crypto::system_random()));
    return hand_over(c, o, device, {{"serial", device.serial()}, {"recovered", false}}, "",
                     {std::string(unit_answer_label), std::move(answer)}, "answer.pem");
}

// Both sides where they meet: the factory's station.
result<void> reissue_here(const context& c, const std::string& bundle, const reissue_order& order,
                          registry::masa_registry& records) {
    auto& random = crypto::system_random();
    BERTH_TRY(device, device_recovery::open(bundle, {}));
    BERTH_TRY(state, device.restore());
    if (!state.kem_lost) {
        if (c.json) {
            print_json(to_json(device, state));
        } else {
            fmt::print("{}It needs no other certificate.\n", to_text(device, state));
        }
        return {};
    }
    BERTH_TRY(request, device.request(random));
    BERTH_TRY(reply, challenge_recovery(order, request, records, system_clock(), random));
    if (!reply.granted) {
        BERTH_TRY(answer, device.answer(reply.octets, random));
        BERTH_TRY(granted, grant_recovery(order, answer, records, system_clock(), random));
        reply = std::move(granted);
    }
    BERTH_CHECK(device.accept(reply.octets, random));
    auto told = to_json(device, state);
    told["superseded"] = reply.superseded.added;
    return recovered(c, device.serial(), std::move(told), to_text(device, state));
}

}  // namespace

void add_device_recover(CLI::App& group, context& c) {
    const auto o = std::make_shared<recover_options>();
    auto* const cmd =
        group.add_subcommand("recover", "after TPM2_Clear: give the TPM its keys again, and ask the factory for what is lost");
    cmd->add_option("--bundle", o->bundle, "the device's bundle directory")->required();
    cmd->add_option("--reply", o->reply, "what has come from the manufacturer: a challenge, or the certificate");
    cmd->add_option("--out", o->out, "where to write what goes to the manufacturer (BUNDLE/recovery/request.pem, answer.pem)");
    cmd->add_option("--passphrase-file", o->passphrase_file,
                    "unlocks the device's encrypted keys (default: what device.toml names)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(device, device_recovery::open(o->bundle, o->passphrase_file));
            if (!o->reply.empty()) {
                return take_reply(c, *o, device);
            }
            BERTH_TRY(state, device.restore());
            if (!state.kem_lost) {
                if (c.json) {
                    print_json(to_json(device, state));
                } else {
                    fmt::print("{}", to_text(device, state));
                }
                return {};
            }
            BERTH_TRY(request, device.request(crypto::system_random()));
            return hand_over(c, *o, device, to_json(device, state), to_text(device, state),
                             {std::string(recovery_request_label), std::move(request)}, "request.pem");
        });
    });
}

void add_factory_reissue(CLI::App& factory, context& c) {
    struct options {
        std::string dir, masa, request, bundle, out, passphrase_file;
        std::vector<std::string> makers;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = factory.add_subcommand(
        "reissue", "a new IDevID-KEM certificate for a device after TPM2_Clear, once its TPM shows that it is that device");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--masa", o->masa, "the MASA's directory, whose records know the device")->required();
    cmd->add_option("--tpm-makers", o->makers, "PEM file of TPM makers' roots and CAs, repeatable: whose TPMs you believe")
        ->required();
    auto* const by_file = cmd->add_option("--request", o->request, "what the device has written: its request, or its answer");
    cmd->add_option("--out", o->out, "where to write what goes to the device: a challenge, or the certificate")->needs(by_file);
    cmd->add_option("--bundle", o->bundle, "instead of files: the device's bundle, where device and factory are on one machine")
        ->excludes(by_file);
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the factory's encrypted keys");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            if (o->bundle.empty() && (o->request.empty() || o->out.empty())) {
                return fail(error_category::usage, "bad_arguments", "name --request and --out, or --bundle");
            }
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            const reissue_order order{o->dir, {o->makers.begin(), o->makers.end()}, std::move(passphrase)};
            BERTH_TRY(records, open_masa_store(o->masa));
            if (!o->bundle.empty()) {
                return reissue_here(c, o->bundle, order, *records);
            }
            BERTH_TRY(given, read_message(o->request, {recovery_request_label, unit_answer_label}));
            const bool asks = given.label == recovery_request_label;
            BERTH_TRY(reply, asks ? challenge_recovery(order, given.octets, *records, system_clock(), crypto::system_random())
                                  : grant_recovery(order, given.octets, *records, system_clock(), crypto::system_random()));
            const std::string label(reply.granted ? unit_grant_label : unit_challenge_label);
            BERTH_CHECK(write_message(o->out, {label, std::move(reply.octets)}));
            if (c.json) {
                print_json(wire::json::object{{"serial", reply.serial},
                                              {"file", o->out},
                                              {"message", label},
                                              {"granted", reply.granted},
                                              {"superseded", reply.superseded.added},
                                              {"superseded_elsewhere", reply.superseded.elsewhere}});
            } else if (!reply.granted) {
                fmt::print("{} is asked to show where its keys are: {}. There: berth device recover --reply\n",
                           one_line(reply.serial), o->out);
            } else {
                fmt::print(
                    "{} has a new certificate: {}. {} former ones are revoked (superseded); a list tells of it: berth factory "
                    "crl --dir {} --out FILE\n",
                    one_line(reply.serial), o->out, reply.superseded.added, shell_word(o->dir));
            }
            return {};
        });
    });
}

}  // namespace berth::app
