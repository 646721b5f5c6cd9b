#include "updating/publishing.h"

#include "base/descriptor.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "updating/slots.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace berth::app {

namespace fs = std::filesystem;
using firmware::document;

namespace {

result<document> read_document(const fs::path& path) {
    BERTH_TRY(text, read_text(path));
    auto out = document::read(text);
    if (!out) {
        return fail(error{std::move(out).error()}.during(path.string()).with("path", path.string()));
    }
    return out;
}

fs::path root_path(const fs::path& repository, uint64_t version) {
    return repository / "roots" / fmt::format("{}.json", version);
}

still_wanted always() {
    return [] { return result<void>{}; };
}

// Into the repository, whole.
result<void> place_image(const fs::path& from, const fs::path& to, const firmware::stored_octets& what) {
    BERTH_TRY(there, is_there(to));
    if (there && check_image(to, what, always())) {
        return {};
    }
    const auto right = check_image(from, what, always());
    if (!right) {
        return fail(error{error_category::usage,
                          "image_missing",
                          fmt::format("The package has not the image {} ({} octets) that its manifest speaks of: {}", what.digest,
                                      what.size, right.error().message),
                          {{"digest", what.digest}}});
    }
    const fs::path part = to.string() + ".part";
    std::error_code ec;
    fs::copy_file(from, part, fs::copy_options::overwrite_existing, ec);
    if (ec) {
        return cannot("write", part, ec);
    }
    const descriptor copy(::open(part.c_str(), O_RDONLY | O_CLOEXEC));
    if (!copy || ::fsync(copy.get()) != 0 || ::rename(part.c_str(), to.c_str()) != 0) {
        return cannot("write", to);
    }
    return sync_directory(to.parent_path());
}

result<firmware::release> place_package(const fs::path& repository, const fs::path& package, const std::string& ring,
                                        const firmware::trusted_root& root, unix_seconds now) {
    BERTH_TRY(read, read_document(package / "manifest.json"));
    auto verified = firmware::verify_manifest(root, read);
    if (!verified) {
        return fail(error{std::move(verified).error()}.during(package.string()));
    }
    const auto& m = verified->content();
    BERTH_CHECK(firmware::check_time("manifest", m.expires, now));
    for (const auto& c : m.components) {
        BERTH_CHECK(place_image(package / "images" / c.image.digest, repository / "images" / c.image.digest, c.image));
        for (const auto& d : c.deltas) {
            BERTH_CHECK(place_image(package / "images" / d.patch.digest, repository / "images" / d.patch.digest, d.patch));
        }
    }
    const auto& text = verified->text();
    const auto digest = to_hex(crypto::sha256(as_bytes(text)).view());
    BERTH_CHECK(write_text(repository / "manifests" / (digest + ".json"), text));
    return firmware::release{m.vendor, m.device_class, ring, m.seq, m.version, {digest, text.size()}};
}

// What is listed now, or nothing. Whoever can write here could otherwise have his own list signed anew: it must be signed by those of
// this root, or of the one before.
result<firmware::list_content> listed(const fs::path& repository, const firmware::root_content& root,
                                      const firmware::root_content& before) {
    const auto path = repository / "list.json";
    BERTH_TRY(there, is_there(path));
    firmware::list_content out;
    if (there) {
        BERTH_TRY(read, read_document(path));
        if (!firmware::signed_by(read, before, before.list)) {
            BERTH_CHECK(firmware::signed_by(read, root, root.list));
        }
        BERTH_TRY(content, firmware::read_list(read.payload()));
        out = std::move(content);
        ++out.version;
    }
    out.repository = root.repository;
    return out;
}

}  // namespace

result<firmware::trusted_root> repository_root(const fs::path& repository) {
    BERTH_TRY(there, is_there(root_path(repository, 1)));
    if (!there) {
        return fail(error_category::usage, "no_root",
                    fmt::format("{} has no root yet: `berth firmware root init` and `sign` make one, and `publish --root` puts it "
                                "there.",
                                repository.string()));
    }
    BERTH_TRY(first, read_document(root_path(repository, 1)));
    BERTH_TRY(root, firmware::trust_root(first));
    while (true) {
        const auto path = root_path(repository, root.content().version + 1);
        BERTH_TRY(more, is_there(path));
        if (!more) {
            return root;
        }
        BERTH_TRY(read, read_document(path));
        BERTH_TRY(next, firmware::next_root(root, read));
        root = std::move(next);
    }
}

result<published> publish(const fs::path& repository, const publication& what, unix_seconds now) {
    for (const auto* const below : {"roots", "manifests", "images"}) {
        BERTH_CHECK(make_directory(repository / below));
    }
    const auto lock_path = repository / ".lock";
    const descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return cannot("lock", lock_path);
    }
    BERTH_TRY(begun, is_there(root_path(repository, 1)));
    std::optional<firmware::trusted_root> root;
    if (begun) {
        BERTH_TRY(now_root, repository_root(repository));
        root.emplace(std::move(now_root));
    }
    const auto before = root ? std::optional(root->content()) : std::nullopt;
    for (const auto& path : what.roots) {
        BERTH_TRY(read, read_document(path));
        auto next = root ? firmware::next_root(*root, read) : firmware::trust_root(read);
        if (!next) {
            return fail(error{std::move(next).error()}.during(path.string()));
        }
        if (!root && next->content().version != 1) {
            return fail(error_category::usage, "root_not_consecutive", "The first root of a repository is version 1.");
        }
        root.emplace(std::move(*next));
        BERTH_CHECK(write_text(root_path(repository, root->content().version), root->text()));
    }
    if (!root) {
        BERTH_CHECK(repository_root(repository));
    }
    const auto& trusted = root->content();
    BERTH_CHECK(firmware::check_time("root", trusted.expires, now));
    BERTH_TRY(list, listed(repository, trusted, before.value_or(trusted)));
    for (const auto& [device_class, seq] : what.withdrawn) {
        const auto is_it = [&, c = device_class, s = seq](const firmware::release& r) { return r.device_class == c && r.seq == s; };
        if (std::erase_if(list.releases, is_it) == 0) {
            return fail(error_category::usage, "not_listed", fmt::format("Nothing of class {} and seq {} is listed.", device_class, seq));
        }
    }
    for (const auto& package : what.packages) {
        BERTH_TRY(added, place_package(repository, package, what.ring, *root, now));
        for (const auto& r : list.releases) {
            const bool same_line = r.vendor == added.vendor && r.device_class == added.device_class && r.ring == added.ring;
            if (same_line && r.seq >= added.seq) {
                return fail(error{error_category::usage, "not_newer",
                                  fmt::format("Class {} has seq {} ({}) already{}, and this is seq {}: devices never go back. Pack it "
                                              "with a higher --seq.",
                                              r.device_class, r.seq, r.version, r.ring.empty() ? "" : " in ring " + r.ring,
                                              added.seq)}
                                .with("seq", std::to_string(r.seq)));
            }
        }
        list.releases.push_back(std::move(added));
    }
    list.root = trusted.version;
    list.issued = now;
    list.expires = now + what.life;
    auto signed_list = document::unsigned_of(to_json(list));
    for (const auto& key : what.list_keys) {
        BERTH_CHECK(signed_list.sign(key));
    }
    if (const auto enough = firmware::signed_by(signed_list, trusted, trusted.list); !enough) {
        return fail(error{error_category::usage, "list_unsigned",
                          "The list is not signed as the root wants it (--list-key, once for each key): " + enough.error().message});
    }
    BERTH_CHECK(write_text(repository / "list.json", signed_list.text()));
    return published{trusted.version, list.version, list.expires, list.releases.size()};
}

}  // namespace berth::app
