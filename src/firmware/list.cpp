#include "firmware/list.h"

#include "firmware/members.h"

#include <tuple>

namespace berth::firmware {

const release* list_content::newest(std::string_view vendor, std::string_view device_class, std::string_view ring) const {
    const release* out = nullptr;
    for (const auto& r : releases) {
        const bool ours = r.vendor == vendor && r.device_class == device_class && (r.ring.empty() || r.ring == ring);
        if (ours && (out == nullptr || r.seq > out->seq)) {
            out = &r;
        }
    }
    return out;
}

json::object to_json(const list_content& list) {
    json::array releases;
    for (const auto& r : list.releases) {
        json::object one{{"vendor", r.vendor}, {"class", r.device_class}};
        if (!r.ring.empty()) {
            one["ring"] = r.ring;
        }
        one["seq"] = r.seq;
        one["version"] = r.version;
        one["digest"] = r.manifest.digest;
        one["size"] = r.manifest.size;
        releases.push_back(std::move(one));
    }
    return {{"type", "list"},    {"schema", 1},           {"repository", list.repository}, {"version", list.version},
            {"root", list.root}, {"issued", list.issued}, {"expires", list.expires},       {"releases", std::move(releases)}};
}

result<list_content> read_list(const json::object& payload) {
    reader in(payload, "list");
    in.exactly("type", "list");
    in.schema();
    list_content out;
    out.repository = in.word("repository");
    out.version = in.number("version", 1);
    out.root = in.number("root", 1);
    out.issued = in.time("issued");
    out.expires = in.time("expires");
    const auto& releases = in.list("releases", 0, most_releases);
    if (out.expires <= out.issued) {
        in.wrong("expires", "is not after \"issued\"");
    }
    BERTH_CHECK(in.done());
    std::set<std::tuple<std::string, std::string, std::string, uint64_t>> seen;
    for (const auto& entry : releases) {
        if (!entry.is_object()) {
            return fail(bad_document("list", "a release is not an object"));
        }
        reader one(entry.get_object(), "list's release");
        release r;
        r.vendor = one.text("vendor");
        r.device_class = one.word("class");
        r.ring = one.has("ring") ? one.word("ring") : "";
        r.seq = one.number("seq", 1);
        r.version = one.text("version", most_word);
        r.manifest = {one.digest("digest"), one.number("size", 1, most_document)};
        BERTH_CHECK(one.done());
        if (!seen.emplace(r.vendor, r.device_class, r.ring, r.seq).second) {
            return fail(bad_document("list", "two releases of one class have the same seq"));
        }
        out.releases.push_back(std::move(r));
    }
    return out;
}

}  // namespace berth::firmware
