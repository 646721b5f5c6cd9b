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

// A package whose manifest is signed as the root wants it.
struct sound_package {
    fs::path at;
    firmware::verified_manifest manifest;
    firmware::release entry;
};

result<sound_package> look_at(const fs::path& package, const std::string& ring, const firmware::trusted_root& root,
                              unix_seconds now) {
    BERTH_TRY(read, read_document(package / "manifest.json"));
    auto verified = firmware::verify_manifest(root, read);
    if (!verified) {
        return fail(error{std::move(verified).error()}.during(package.string()));
    }
    const auto& m = verified->content();
    BERTH_CHECK(firmware::check_time("manifest", m.expires, now));
    const auto& text = verified->text();
    firmware::release entry{m.vendor, m.device_class, ring,
                            m.seq,    m.version,      {to_hex(crypto::sha256(as_bytes(text)).view()), text.size()}};
    return sound_package{package, std::move(*verified), std::move(entry)};
}

result<void> place(const fs::path& repository, const sound_package& package) {
    for (const auto& c : package.manifest.content().components) {
        BERTH_CHECK(place_image(package.at / "images" / c.image.digest, repository / "images" / c.image.digest, c.image));
        for (const auto& d : c.deltas) {
            BERTH_CHECK(place_image(package.at / "images" / d.patch.digest, repository / "images" / d.patch.digest, d.patch));
        }
    }
    return write_text(repository / "manifests" / (package.entry.manifest.digest + ".json"), package.manifest.text());
}

// What is listed now, or nothing. Whoever can write here could otherwise have his own list signed anew: it must be signed by
// those of the newest root, or, where a root was placed and no list after it, of the one before.
result<firmware::list_content> listed(const fs::path& repository, const std::vector<firmware::trusted_root>& roots) {
    const auto path = repository / "list.json";
    BERTH_TRY(there, is_there(path));
    firmware::list_content out;
    if (there) {
        BERTH_TRY(read, read_document(path));
        const auto is_by = [&](const firmware::trusted_root& root) {
            return firmware::signed_by(read, root.content(), root.content().list).has_value();
        };
        if (!is_by(roots.back()) && !(roots.size() > 1 && is_by(roots[roots.size() - 2]))) {
            return fail(
                error{error_category::usage, "list_not_ours",
                      fmt::format("{} is not signed by this repository's keys: somebody else has put it there. Put back the one "
                                  "that was; without it the versions of lists begin anew, which devices refuse.",
                                  path.string())}
                    .with("path", path.string()));
        }
        BERTH_TRY(content, firmware::read_list(read.payload()));
        out = std::move(content);
        ++out.version;
    }
    out.repository = roots.back().content().repository;
    return out;
}

// All roots of a repository, each verified by the one before it.
result<std::vector<firmware::trusted_root>> repository_roots(const fs::path& repository) {
    std::vector<firmware::trusted_root> out;
    while (true) {
        const auto path = root_path(repository, out.size() + 1);
        BERTH_TRY(more, is_there(path));
        if (!more) {
            return out;
        }
        BERTH_TRY(read, read_document(path));
        BERTH_TRY(next, out.empty() ? firmware::trust_root(read) : firmware::next_root(out.back(), read));
        out.push_back(std::move(next));
    }
}

result<void> check_newer(const firmware::list_content& list, const firmware::release& added) {
    for (const auto& r : list.releases) {
        const bool same_line = r.vendor == added.vendor && r.device_class == added.device_class && r.ring == added.ring;
        if (same_line && r.seq >= added.seq) {
            return fail(
                error{error_category::usage, "not_newer",
                      fmt::format("Class {} has seq {} ({}) already{}, and this is seq {}: devices never go back. Pack it "
                                  "with a higher --seq.",
                                  r.device_class, r.seq, r.version, r.ring.empty() ? "" : " in ring " + r.ring, added.seq)}
                    .with("seq", std::to_string(r.seq)));
        }
    }
    return {};
}

}  // namespace

result<published> publish(const fs::path& repository, const publication& what, unix_seconds now) {
    for (const auto* const below : {"roots", "manifests", "images"}) {
        BERTH_CHECK(make_directory(repository / below));
    }
    const auto lock_path = repository / ".lock";
    const descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return cannot("lock", lock_path);
    }
    // All of it is looked at, and the list signed, before anything is placed.
    BERTH_TRY(roots, repository_roots(repository));
    const size_t known = roots.size();
    for (const auto& path : what.roots) {
        BERTH_TRY(read, read_document(path));
        auto next = roots.empty() ? firmware::trust_root(read) : firmware::next_root(roots.back(), read);
        if (!next) {
            return fail(error{std::move(next).error()}.during(path.string()));
        }
        if (next->content().version != roots.size() + 1) {
            return fail(error_category::usage, "root_not_consecutive", "The first root of a repository is version 1.");
        }
        roots.push_back(std::move(*next));
    }
    if (roots.empty()) {
        return fail(
            error_category::usage, "no_root",
            fmt::format("{} has no root yet: `berth firmware root init` and `sign` make one, and `publish --root` puts it "
                        "there.",
                        repository.string()));
    }
    const auto& trusted = roots.back().content();
    BERTH_CHECK(firmware::check_time("root", trusted.expires, now));
    BERTH_TRY(list, listed(repository, roots));
    for (const auto& [device_class, seq] : what.withdrawn) {
        const auto is_it = [&, c = device_class, s = seq](const firmware::release& r) {
            return r.device_class == c && r.seq == s;
        };
        if (std::erase_if(list.releases, is_it) == 0) {
            return fail(error_category::usage, "not_listed",
                        fmt::format("Nothing of class {} and seq {} is listed.", device_class, seq));
        }
    }
    std::vector<sound_package> packages;
    for (const auto& path : what.packages) {
        BERTH_TRY(package, look_at(path, what.ring, roots.back(), now));
        BERTH_CHECK(check_newer(list, package.entry));
        list.releases.push_back(package.entry);
        packages.push_back(std::move(package));
    }
    list.root = trusted.version;
    list.issued = now;
    list.expires = now + what.life;
    auto signed_list = document::unsigned_of(to_json(list));
    for (const auto& key : what.list_keys) {
        BERTH_CHECK(signed_list.sign(key));
    }
    if (const auto enough = firmware::signed_by(signed_list, trusted, trusted.list); !enough) {
        return fail(
            error{error_category::usage, "list_unsigned",
                  "The list is not signed as the root wants it (--list-key, once for each key): " + enough.error().message});
    }
    for (const auto& package : packages) {
        BERTH_CHECK(place(repository, package));
    }
    for (size_t i = known; i < roots.size(); ++i) {
        BERTH_CHECK(write_text(root_path(repository, roots[i].content().version), roots[i].text()));
    }
    BERTH_CHECK(write_text(repository / "list.json", signed_list.text()));
    return published{trusted.version, list.version, list.expires, list.releases.size()};
}

}  // namespace berth::app
