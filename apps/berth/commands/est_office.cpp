// berth est user | token | waiting | approve | deny: what the owner of an EST server decides beside its configuration.
#include "berth/commands/ca.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

struct office_options : ca_options {
    std::string file, user, password_file, serial, profile, lifetime = "1d", out, request, by = "admin";
};

// One line of the users' file; a line that is there with that name is replaced.
result<void> set_user(const context& c, const office_options& o) {
    if (o.user.empty() || o.user.find_first_of(":\n\r") != std::string::npos) {
        return fail(error_category::usage, "bad_arguments", "a user's name has no colon and no line feed (RFC 7617)");
    }
    BERTH_TRY(password, read_passphrase(o.password_file));
    BERTH_TRY(there, is_there(o.file));
    std::string kept;
    if (there) {
        BERTH_TRY(text, read_text(o.file));
        for (std::string_view rest = text; !rest.empty();) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            if (!line.starts_with(o.user + ":")) {
                kept += std::string(line) + "\n";
            }
        }
    }
    kept += o.user + ":" + crypto::password_record(*password, crypto::system_random()) + "\n";
    BERTH_CHECK(write_text(o.file, kept, 0600));
    say(c, {{"user", o.user}, {"file", o.file}},
        fmt::format("{} may come with that password; berthd reads the file anew on SIGHUP.", o.user));
    return {};
}

result<void> make_token(const context& c, const office_options& o) {
    BERTH_TRY(in, o.open());
    if (!o.profile.empty()) {
        BERTH_TRY(placed, in.configuration().find(o.profile));
        const auto& required = placed.profile.required;
        if (std::ranges::none_of(required, [](const auto& set) { return set.contains(ca::proof::token); })) {
            return fail(error{error_category::usage, "bad_arguments",
                              fmt::format("the profile {} takes no tokens: no set of its `requires` has \"token\"", o.profile)}
                            .with("profile", o.profile));
        }
    }
    const auto life = parse_lifetime(o.lifetime);
    if (!life || *life == pki::no_expiry || o.serial.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "a token is for one --serial, and its --lifetime is minutes, hours or days: 90m, 8h, 30d");
    }
    const auto random = crypto::system_random().octets<32>();
    const std::string token = wire::base64url(random);
    ca::one_time_token record;
    record.hash = to_array<32>(crypto::sha256(as_bytes(token)).view());
    record.identity = o.serial;
    record.profile = o.profile;
    record.expires_at = system_clock().now() + *life;
    BERTH_CHECK(refuse_existing(o.out));
    BERTH_CHECK(in.records().add_token(record));
    BERTH_CHECK(write_text(o.out, token + "\n", 0600));
    say(c, {{"serial", o.serial}, {"expires_at", to_iso8601(record.expires_at)}, {"file", o.out}},
        fmt::format("{} holds a token that lets the device {} enrol once, until {}.", o.out, o.serial,
                    to_iso8601(record.expires_at)));
    return {};
}

wire::json::object to_json(const ca::pending_request& r) {
    return {{"request", to_hex(r.id)},
            {"profile", r.profile},
            {"requester", r.requester},
            {"proofs", r.proofs},
            {"device", r.device.serial},
            {"at", to_iso8601(r.at)},
            {"state", std::string(ca::to_string(r.state))}};
}

result<void> list_waiting(const context& c, const office_options& o) {
    BERTH_TRY(in, o.open(store::opening::to_look));
    BERTH_TRY(all, in.records().waiting());
    for (const auto& each : all) {
        say(c, to_json(each),
            fmt::format("{} {} {:<12} {} [{}]", to_hex(each.id), to_iso8601(each.at), each.profile, each.requester, each.proofs));
    }
    if (all.empty() && !c.json) {
        fmt::print("nothing waits\n");
    }
    return {};
}

// By its number's beginning, as long as that names one alone.
result<ca::pending_request> request_named(const ca_directory& in, const std::string& name) {
    BERTH_TRY(all, in.records().waiting());
    std::vector<ca::pending_request> found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                 [&](const auto& each) { return !name.empty() && to_hex(each.id).starts_with(name); });
    if (found.size() == 1) {
        return found.front();
    }
    return fail(error{error_category::usage, found.empty() ? "unknown_request" : "bad_arguments",
                      found.empty() ? fmt::format("no request that waits begins with \"{}\"; berth est waiting lists them", name)
                                    : fmt::format("{} requests begin with \"{}\"; give more of it", found.size(), name)});
}

result<void> decide(const context& c, const office_options& o, ca::decision d) {
    BERTH_TRY(in, o.open());
    BERTH_TRY(request, request_named(in, o.request));
    BERTH_TRY(decided, in.records().decide(request.id, d, o.by, system_clock().now()));
    say(c, to_json(decided),
        d == ca::decision::approved
            ? fmt::format("{} is approved: its certificate is issued when it asks again.", decided.requester)
            : fmt::format("{} is denied.", decided.requester));
    return {};
}

}  // namespace

void add_est_office(CLI::App& est, context& c) {
    const auto o = std::make_shared<office_options>();
    auto* const user = est.add_subcommand("user", "give somebody a password for an EST server (HTTP Basic), or another one");
    user->add_option("NAME", o->user, "who: a device's serial, since that is what a certificate will name")->required();
    user->add_option("--file", o->file, "the file that [est] users names")->required();
    user->add_option("--password-file", o->password_file, "its first line is the password; readable by its owner alone")
        ->required();
    user->callback([o, &c] { c.run([&] { return set_user(c, *o); }); });

    auto* const token = est.add_subcommand("token", "make a secret that lets one device enrol once");
    o->add_to(*token);
    token->add_option("--serial", o->serial, "the device's serial")->required();
    token->add_option("--profile", o->profile, "good for this profile alone");
    token->add_option("--lifetime", o->lifetime, "how long it is good: 90m, 8h, 30d (1d)");
    token->add_option("--out", o->out, "where it goes to, mode 0600")->required();
    token->callback([o, &c] { c.run([&] { return make_token(c, *o); }); });

    auto* const waiting = est.add_subcommand("waiting", "list the requests that wait for somebody's approval");
    o->add_to(*waiting);
    waiting->callback([o, &c] { c.run([&] { return list_waiting(c, *o); }); });
    for (const auto& [name, about, d] : {std::tuple("approve", "approve a request that waits", ca::decision::approved),
                                         {"deny", "deny a request that waits", ca::decision::denied}}) {
        auto* const cmd = est.add_subcommand(name, about);
        o->add_to(*cmd);
        cmd->add_option("REQUEST", o->request, "its number, or the beginning of it")->required();
        cmd->add_option("--by", o->by, "who decides, for the records (admin)");
        cmd->callback([o, &c, d = d] { c.run([&] { return decide(c, *o, d); }); });
    }
}

}  // namespace berth::app
