// berth firmware: what a maker does with a release.
#include "berth/commands/firmware.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "firmware/delta.h"
#include "firmware/verify.h"
#include "pki/private_key_file.h"
#include "updating/element_check.h"
#include "updating/publishing.h"
#include "updating/slots.h"

#include <fmt/ranges.h>

namespace berth::app {

namespace {

namespace fs = std::filesystem;
namespace json = wire::json;

constexpr unix_seconds day = 24 * 60 * 60;

struct options {
    std::string in, out, passphrase_file, ring, element;
    std::vector<std::string> keys, roots, packages, withdrawn;
    unsigned element_key = 0;
    uint64_t days = 0;
    // pack
    firmware::manifest m;
    std::vector<std::string> components, bases, needed;
};

result<firmware::stored_octets> store(const fs::path& below, bytes_view octets) {
    firmware::stored_octets out{to_hex(crypto::sha256(octets).view()), octets.size()};
    BERTH_CHECK(write_text(below / out.digest, as_text(octets)));
    return out;
}

// Of a file of any size.
result<firmware::stored_octets> store_file(const fs::path& below, const fs::path& file) {
    const fs::path part = below / "new.part";
    std::error_code ec;
    fs::copy_file(file, part, fs::copy_options::overwrite_existing, ec);
    if (ec) {
        return cannot("read", file, ec);
    }
    crypto::hasher all(crypto::hash_algorithm::sha256);
    firmware::stored_octets out;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(part.c_str(), "rbe"), &std::fclose);
    if (!in) {
        return cannot("read", part);
    }
    bytes some(256 * 1024);
    for (size_t got = 0; (got = std::fread(some.data(), 1, some.size(), in.get())) > 0;) {
        all.update(bytes_view(some).first(got));
        out.size += got;
    }
    if (std::ferror(in.get()) != 0 || out.size == 0) {
        return fail(
            error{error_category::usage, "empty_image", fmt::format("{} is empty, or cannot be read", file.string())}.with(
                "file", file.string()));
    }
    out.digest = to_hex(all.finish().view());
    fs::rename(part, below / out.digest, ec);
    return ec ? result<firmware::stored_octets>(cannot("write", below / out.digest, ec)) : out;
}

result<void> pack(const context& c, const options& o) {
    auto m = o.m;
    const fs::path out = o.out, images = out / "images";
    BERTH_TRY(there, is_there(out / "manifest.json"));
    if (there) {
        return fail(
            error{error_category::usage, "file_exists", fmt::format("{} has a package already; choose another directory", o.out)}
                .with("path", o.out));
    }
    BERTH_CHECK(make_directory(images));
    for (const auto& text : o.components) {
        BERTH_TRY(named, named_value(text, "--component"));
        firmware::component one{named.first, {}, {}};
        BERTH_TRY(image, store_file(images, named.second));
        one.image = std::move(image);
        for (const auto& base_text : o.bases) {
            BERTH_TRY(base_named, named_value(base_text, "--base"));
            if (base_named.first != one.id) {
                continue;
            }
            BERTH_TRY(from, pki::read_file(base_named.second, firmware::most_delta_image));
            BERTH_TRY(to, pki::read_file(named.second, firmware::most_delta_image));
            BERTH_TRY(patch, firmware::make_delta(from, to));
            BERTH_TRY(stored, store(images, patch));
            one.deltas.push_back({{to_hex(crypto::sha256(from).view()), from.size()}, std::move(stored)});
        }
        m.components.push_back(std::move(one));
    }
    for (const auto& text : o.bases) {
        BERTH_TRY(named, named_value(text, "--base"));
        if (m.find(named.first) == nullptr) {
            return fail(error_category::usage, "bad_option",
                        fmt::format("--base {}: there is no --component {}", text, named.first));
        }
    }
    for (const auto& text : o.needed) {
        BERTH_TRY(named, named_value(text, "--needs"));
        BERTH_TRY(seq, whole_number(named.second, "--needs"));
        m.dependencies.push_back({named.first, seq});
    }
    m.issued = system_clock().now();
    m.expires = m.issued + static_cast<unix_seconds>(o.days) * day;
    if (m.data.readable_from == 0) {
        m.data.readable_from = m.data.migrates ? m.seq : 0;
    }
    const auto payload = to_json(m);
    if (auto sound = firmware::read_manifest(payload); !sound) {
        error e = std::move(sound).error();
        e.category = error_category::usage;
        return fail(std::move(e));
    }
    BERTH_CHECK(write_text(out / "manifest.json", firmware::document::unsigned_of(payload).text()));
    if (c.json) {
        print_json(json::object{{"package", o.out}, {"manifest", payload}});
        return {};
    }
    fmt::print("{}: {} {}, seq {}. It is not signed yet: berth firmware sign --in {} --key KEY\n", o.out, m.device_class,
               m.version, m.seq, o.out);
    for (const auto& one : m.components) {
        fmt::print("  {}  {} octets  {}\n", one.id, one.image.size, one.image.digest);
        for (const auto& d : one.deltas) {
            fmt::print("    or {} octets over {}\n", d.patch.size, d.from.digest);
        }
    }
    return {};
}

result<void> sign(const context& c, const options& o) {
    BERTH_TRY(d, read_firmware_document(o.in));
    for (const auto& name : o.keys) {
        BERTH_TRY(key, open_document_signer(name, o.passphrase_file));
        BERTH_CHECK(d.sign(key));
    }
    const auto to = o.out.empty() ? document_path(o.in) : o.out;
    BERTH_CHECK(write_text(to, d.text()));
    json::array kids;
    for (const auto& s : d.signatures()) {
        kids.push_back(json::value(s.kid));
    }
    if (c.json) {
        print_json(json::object{{"file", to}, {"type", to_string(d.kind())}, {"signatures", std::move(kids)}});
    } else {
        fmt::print("{}: a {} with {} signature{}\n", to, to_string(d.kind()), kids.size(), kids.size() == 1 ? "" : "s");
    }
    return {};
}

result<void> publish_it(const context& c, const options& o) {
    publication what;
    what.roots.assign(o.roots.begin(), o.roots.end());
    what.packages.assign(o.packages.begin(), o.packages.end());
    what.ring = o.ring;
    what.life = static_cast<unix_seconds>(o.days) * day;
    for (const auto& text : o.withdrawn) {
        BERTH_TRY(named, named_value(text, "--withdraw"));
        BERTH_TRY(seq, whole_number(named.second, "--withdraw"));
        what.withdrawn.emplace_back(named.first, seq);
    }
    for (const auto& name : o.keys) {
        BERTH_TRY(key, open_document_signer(name, o.passphrase_file));
        what.list_keys.push_back(std::move(key));
    }
    BERTH_TRY(done, publish(o.out, what, system_clock().now()));
    if (c.json) {
        print_json(json::object{{"repository", o.out},
                                {"root", done.root},
                                {"list", done.list},
                                {"expires", done.expires},
                                {"releases", done.releases}});
    } else {
        fmt::print("{}: root {}, list {} with {} release{}. Publish anew before {}, or devices will refuse it.\n", o.out,
                   done.root, done.list, done.releases, done.releases == 1 ? "" : "s", to_iso8601(done.expires));
    }
    return {};
}

result<void> inspect(const context& c, const options& o) {
    BERTH_TRY(d, read_firmware_document(o.in));
    json::array signatures;
    for (const auto& s : d.signatures()) {
        signatures.push_back(json::object{{"kid", s.kid}, {"alg", s.alg}});
    }
    if (c.json) {
        print_json(json::object{
            {"type", to_string(d.kind())}, {"payload", d.payload()}, {"signatures", std::move(signatures)}, {"verified", false}});
        return {};
    }
    fmt::print("a {}, which nobody has verified:\n{}\n", to_string(d.kind()), wire::to_text(d.payload()));
    for (const auto& s : d.signatures()) {
        fmt::print("signed by {} ({})\n", s.kid, s.alg);
    }
    return {};
}

result<void> verify(const context& c, const options& o) {
    std::optional<firmware::trusted_root> root;
    for (const auto& path : o.roots) {
        BERTH_TRY(read, read_firmware_document(path));
        auto next = root ? firmware::next_root(*root, read) : firmware::trust_root(read);
        if (!next) {
            return fail(error{std::move(next).error()}.during(path));
        }
        root.emplace(std::move(*next));
    }
    const auto now = system_clock().now();
    BERTH_TRY(d, read_firmware_document(o.in));
    std::vector<std::string> signers;
    switch (d.kind()) {
    case firmware::document_kind::root: {
        BERTH_TRY(next, firmware::next_root(*root, d));
        BERTH_CHECK(firmware::check_time("root", next.content().expires, now));
        BERTH_TRY(by, firmware::signed_by(d, root->content(), root->content().root));
        signers = std::move(by);
        break;
    }
    case firmware::document_kind::list: {
        BERTH_CHECK(firmware::verify_list(*root, d, {}, now));
        BERTH_TRY(by, firmware::signed_by(d, root->content(), root->content().list));
        signers = std::move(by);
        break;
    }
    case firmware::document_kind::manifest: {
        BERTH_CHECK(firmware::check_time("root", root->content().expires, now));
        BERTH_TRY(m, firmware::verify_manifest(*root, d));
        BERTH_CHECK(firmware::check_time("manifest", m.content().expires, now));
        signers = m.signers();
        if (fs::is_directory(o.in)) {
            for (const auto& one : m.content().components) {
                BERTH_CHECK(check_image(fs::path(o.in) / "images" / one.image.digest, one.image, [] { return result<void>{}; }));
            }
        }
        break;
    }
    }
    if (!o.element.empty()) {
        BERTH_CHECK(verify_by_element(d, o.element, static_cast<uint8_t>(o.element_key)));
    }
    if (c.json) {
        print_json(json::object{{"type", to_string(d.kind())},
                                {"valid", true},
                                {"signers", json::array(signers.begin(), signers.end())},
                                {"payload", d.payload()}});
    } else {
        fmt::print("{}: a {} that is signed as root {} wants it, by {}{}\n", o.in, to_string(d.kind()), root->content().version,
                   fmt::join(signers, ", "), o.element.empty() ? "" : "; the chip says so, too");
    }
    return {};
}

void add_pack(CLI::App& command, options& o) {
    auto& m = o.m;
    command.add_option("--repository", m.repository, "the repository's name, as in its root")->required();
    command.add_option("--vendor", m.vendor, "whose devices")->required();
    command.add_option("--class", m.device_class, "which of them")->required();
    command.add_option("--seq", m.seq, "this class's releases counted: higher with each")->required();
    command.add_option("--release", m.version, "what people call it: 1.4.0")->required();
    command.add_option("--component", o.components, "what is installed and its image; written in this order. Again for each")
        ->type_name("ID=FILE")
        ->required();
    command.add_option("--base", o.bases, "an older image of a component, to make a delta over; again for each")
        ->type_name("ID=FILE");
    command.add_option("--revision", m.revisions, "of the hardware (default: all); again for each");
    command.add_option("--min-seq", m.min_seq, "the lowest that it can be installed over");
    command.add_option("--security-counter", m.security_counter, "what the device's counter is raised to when it holds");
    command.add_option("--needs", o.needed, "another class that must be at a seq")->type_name("CLASS=SEQ");
    command.add_flag("--migrates", m.data.migrates, "it keeps its data in a form that the release before cannot read");
    command.add_option("--readable-from", m.data.readable_from, "the lowest seq that can read what it keeps");
    command.add_option("--free-space", m.needs.free_space, "octets, beside the images");
    command.add_option("--battery", m.needs.battery_percent, "in percent")->check(CLI::Range(0, 100));
    o.days = 365;
    command.add_option("--days", o.days, "how long it may be installed (default 365)")->check(CLI::Range(1, 3650));
    command.add_option("--out", o.out, "DIR for the package")->required();
}

}  // namespace

void add_firmware_making(CLI::App& group, context& c) {
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&)) {
        const auto o = std::make_shared<options>();
        auto* const command = group.add_subcommand(name, about);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return std::pair(command, o);
    };
    const auto keys = [](CLI::App* command, const std::shared_ptr<options>& o, const char* name, const char* about) {
        command->add_option(name, o->keys, about)->type_name("KEY")->required();
        command->add_option("--passphrase-file", o->passphrase_file,
                            "its first line opens a PEM file, and is the PIN of a token whose name has no pin-source");
    };
    {
        const auto [command, o] = add("pack", "a release: images, deltas, and the manifest that speaks of them", pack);
        add_pack(*command, *o);
    }
    {
        const auto [command, o] = add("sign", "add a signature to a root or a manifest", sign);
        command->add_option("--in", o->in, "FILE, or a package's DIR")->required();
        keys(command, o, "--key",
             "a private JWK's file, or a key's name: file:PATH, tpm2:, stsafe:, pkcs11: (docs/keys.md); again for each");
        command->add_option("--out", o->out, "FILE (default: in its place)");
    }
    {
        const auto [command, o] = add("publish", "put roots and packages into a repository, and sign its list anew", publish_it);
        command->add_option("--into", o->out, "DIR that a web server serves")->required();
        command->add_option("--root", o->roots, "a root, signed; again for each, in order")->type_name("FILE");
        command->add_option("--package", o->packages, "of `berth firmware pack`, signed; again for each")->type_name("DIR");
        command->add_option("--ring", o->ring, "for devices of this ring alone");
        command->add_option("--withdraw", o->withdrawn, "no longer listed; who has it keeps it")->type_name("CLASS=SEQ");
        keys(command, o, "--list-key", "who signs the list: a private JWK's file, or a key's name; again for each");
        o->days = 7;
        command->add_option("--list-days", o->days, "how long the list counts (default 7)")->check(CLI::Range(1, 365));
    }
    {
        const auto [command, o] = add("inspect", "what a document says, which nobody has verified", inspect);
        command->add_option("--in", o->in, "FILE, or a package's DIR")->required();
    }
    {
        const auto [command, o] = add("verify", "whether a document is signed as a root wants it", verify);
        command->add_option("--root", o->roots, "the root that is trusted, then those that follow it")
            ->type_name("FILE")
            ->required();
        command->add_option("--in", o->in, "FILE; or a package's DIR, whose images are looked at, too")->required();
        command->add_option("--element", o->element, "an STSAFE-A that has to say so, too: stsafe:device=/dev/i2c-1")
            ->type_name("URI");
        command->add_option("--element-key", o->element_key, "the zone with the key that `berth se firmware trust` put there")
            ->type_name("SLOT")
            ->check(CLI::Range(0, 255));
    }
}

}  // namespace berth::app
