// berth firmware root: who signs what.
#include "berth/commands/firmware.h"
#include "common/files.h"
#include "firmware/verify.h"

namespace berth::app {

namespace {

struct options {
    std::string repository, root, list, release, from, out;
    std::vector<std::string> signers, removed;
    uint64_t days = 0;
};

constexpr unix_seconds day = 24 * 60 * 60;

result<firmware::signer> signer_of(const std::string& text) {
    BERTH_TRY(named, named_value(text, "--signer"));
    firmware::signer out{named.first, {}};
    for (size_t from = 0; from <= named.second.size();) {
        const size_t to = std::min(named.second.find(',', from), named.second.size());
        const auto file = named.second.substr(from, to - from);
        from = to + 1;
        BERTH_TRY(octets, read_text(file));
        auto jwk = wire::parse_json_object(octets);
        if (!jwk) {
            return fail(error{error_category::usage, "bad_jwk",
                              fmt::format("{} holds no JSON Web Key: `berth jose public` gives a key's public half", file)}
                            .with("file", file));
        }
        if (jwk->contains("priv") || jwk->contains("d")) {
            return fail(
                error{error_category::usage, "bad_jwk",
                      fmt::format("{} holds a private key, and a root is public: give `berth jose public --key {}`", file, file)}
                    .with("file", file));
        }
        BERTH_TRY(key, jose::read_verification_key(*jwk));
        out.keys.push_back(std::move(key));
    }
    return out;
}

// "alice,bob:2"; without a number, all of them.
result<firmware::role> role_of(const std::string& text, const char* option) {
    firmware::role out;
    const size_t colon = text.find(':');
    const auto names = text.substr(0, colon);
    for (size_t from = 0; from <= names.size();) {
        const size_t to = std::min(names.find(',', from), names.size());
        out.signers.push_back(names.substr(from, to - from));
        from = to + 1;
    }
    out.threshold = out.signers.size();
    if (colon != std::string::npos) {
        BERTH_TRY(n, whole_number(text.substr(colon + 1), option));
        out.threshold = n;
    }
    return out;
}

result<void> put(const context& c, const options& o, firmware::root_content root) {
    const auto payload = to_json(root);
    if (auto sound = firmware::read_root(payload); !sound) {
        error e = std::move(sound).error();
        e.category = error_category::usage;  // it is of this command line
        return fail(std::move(e));
    }
    BERTH_TRY(there, is_there(o.out));
    if (there) {
        return fail(
            error{error_category::usage, "file_exists", fmt::format("{} is there already, and stays as it is", o.out)}.with(
                "file", o.out));
    }
    BERTH_CHECK(write_text(o.out, firmware::document::unsigned_of(payload).text()));
    if (c.json) {
        print_json(wire::json::object{{"file", o.out}, {"version", root.version}, {"expires", root.expires}});
    } else {
        fmt::print("{}: root {} of {}, until {}. It is not signed yet: berth firmware sign --in {} --key KEY\n", o.out,
                   root.version, root.repository, to_iso8601(root.expires), o.out);
    }
    return {};
}

result<void> change(firmware::root_content& root, const options& o) {
    for (const auto& name : o.removed) {
        if (std::erase_if(root.signers, [&](const firmware::signer& s) { return s.name == name; }) == 0) {
            return fail(error_category::usage, "unknown_signer", fmt::format("--remove {}: the root has no such signer", name));
        }
    }
    for (const auto& text : o.signers) {
        BERTH_TRY(one, signer_of(text));
        std::erase_if(root.signers, [&](const firmware::signer& s) { return s.name == one.name; });
        root.signers.push_back(std::move(one));
    }
    for (const auto& [text, option, role] : {std::tuple(&o.root, "--root", &root.root), std::tuple(&o.list, "--list", &root.list),
                                             std::tuple(&o.release, "--release", &root.release)}) {
        if (!text->empty()) {
            BERTH_TRY(r, role_of(*text, option));
            *role = std::move(r);
        }
    }
    root.issued = system_clock().now();
    root.expires = root.issued + static_cast<unix_seconds>(o.days) * day;
    return {};
}

result<void> init(const context& c, const options& o) {
    firmware::root_content root;
    root.repository = o.repository;
    BERTH_CHECK(change(root, o));
    return put(c, o, std::move(root));
}

result<void> rotate(const context& c, const options& o) {
    BERTH_TRY(read, read_firmware_document(o.from));
    BERTH_TRY(now, firmware::trust_root(read));
    auto next = now.content();
    ++next.version;
    BERTH_CHECK(change(next, o));
    return put(c, o, std::move(next));
}

}  // namespace

void add_firmware_root(CLI::App& group, context& c) {
    auto* const root = group.add_subcommand("root", "who signs what, and how many of them it takes");
    root->require_subcommand(1);
    const auto add = [&](const char* name, const char* about, bool first, result<void> (*work)(const context&, const options&)) {
        const auto o = std::make_shared<options>();
        auto* const command = root->add_subcommand(name, about);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        command
            ->add_option(
                "--signer", o->signers,
                "NAME=FILE or NAME=FILE,FILE: the public keys of somebody who signs, as JWKs: one of ML-DSA, and if he likes "
                "one of ES256, ES384 or EdDSA beside it; then both must sign. Again for each")
            ->type_name("NAME=FILE")
            ->required(first);
        for (const auto& [option, text, what] :
             {std::tuple("--root", &o->root, "roots"), std::tuple("--release", &o->release, "manifests"),
              std::tuple("--list", &o->list, "lists")}) {
            command
                ->add_option(option, *text,
                             fmt::format("who signs {}: NAME,NAME:2, of whom two must; without a number, all", what))
                ->type_name("NAMES")
                ->required(first);
        }
        o->days = 365;
        command->add_option("--days", o->days, "how long it counts (default 365)")->check(CLI::Range(1, 3650));
        command->add_option("--out", o->out, "FILE for the document, which is still to be signed")->required();
        return std::pair(command, o);
    };
    const auto [initial, io] = add("init", "the first root of a repository", true, init);
    initial->add_option("--repository", io->repository, "its name: letters, digits, . _ -")->required();
    const auto [next, no] = add("rotate", "the root that follows another: other keys, or a longer life", false, rotate);
    next->add_option("--from", no->from, "FILE with the root that it follows, signed")->required();
    next->add_option("--remove", no->removed, "a signer that is none any more; again for each")->type_name("NAME");
}

}  // namespace berth::app
