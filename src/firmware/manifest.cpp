#include "firmware/manifest.h"

#include "firmware/members.h"

#include <algorithm>

namespace berth::firmware {

namespace {

stored_octets read_stored(reader& in, std::string_view digest, std::string_view size) {
    return {in.digest(digest), in.number(size, 1, most_image)};
}

result<component> read_component(const json::value& from) {
    if (!from.is_object()) {
        return fail(bad_document("manifest", "a component is not an object"));
    }
    reader in(from.get_object(), "manifest's component");
    component out;
    out.id = in.word("id");
    out.image = read_stored(in, "digest", "size");
    const auto& deltas = in.list("deltas", 0, most_deltas);
    BERTH_CHECK(in.done());
    for (const auto& entry : deltas) {
        if (!entry.is_object()) {
            return fail(bad_document("manifest", "a delta is not an object"));
        }
        reader one(entry.get_object(), "manifest's delta");
        one.exactly("format", "zstd-patch");
        delta d{read_stored(one, "from_digest", "from_size"), read_stored(one, "digest", "size")};
        BERTH_CHECK(one.done());
        out.deltas.push_back(std::move(d));
    }
    return out;
}

}  // namespace

const component* manifest::find(std::string_view id) const {
    const auto found = std::ranges::find(components, id, &component::id);
    return found != components.end() ? &*found : nullptr;
}

json::object to_json(const manifest& m) {
    json::array components, dependencies;
    for (const auto& c : m.components) {
        json::array deltas;
        for (const auto& d : c.deltas) {
            deltas.push_back(json::object{{"format", "zstd-patch"},
                                          {"from_digest", d.from.digest},
                                          {"from_size", d.from.size},
                                          {"digest", d.patch.digest},
                                          {"size", d.patch.size}});
        }
        components.push_back(
            json::object{{"id", c.id}, {"digest", c.image.digest}, {"size", c.image.size}, {"deltas", std::move(deltas)}});
    }
    for (const auto& d : m.dependencies) {
        dependencies.push_back(json::object{{"class", d.device_class}, {"min_seq", d.min_seq}});
    }
    return {{"type", "manifest"},
            {"schema", 1},
            {"repository", m.repository},
            {"seq", m.seq},
            {"version", m.version},
            {"min_seq", m.min_seq},
            {"security_counter", m.security_counter},
            {"issued", m.issued},
            {"expires", m.expires},
            {"vendor", m.vendor},
            {"class", m.device_class},
            {"revisions", json::array(m.revisions.begin(), m.revisions.end())},
            {"components", std::move(components)},
            {"dependencies", std::move(dependencies)},
            {"data", json::object{{"migrates", m.data.migrates}, {"readable_from", m.data.readable_from}}},
            {"needs", json::object{{"free_space", m.needs.free_space}, {"battery_percent", m.needs.battery_percent}}}};
}

result<manifest> read_manifest(const json::object& payload) {
    reader in(payload, "manifest");
    in.exactly("type", "manifest");
    in.schema();
    manifest out;
    out.repository = in.word("repository");
    out.seq = in.number("seq", 1);
    out.version = in.text("version", most_word);
    out.min_seq = in.number("min_seq");
    out.security_counter = in.number("security_counter", 0, 1'000'000);
    out.issued = in.time("issued");
    out.expires = in.time("expires");
    out.vendor = in.text("vendor");
    out.device_class = in.word("class");
    for (const auto& entry : in.list("revisions", 0, 64)) {
        const auto* const name = entry.if_string();
        if (name == nullptr || !is_word(*name)) {
            in.wrong("revisions", "has something that is no word");
            break;
        }
        out.revisions.emplace_back(name->data(), name->size());
    }
    const auto& components = in.list("components", 1, most_components);
    const auto& dependencies = in.list("dependencies", 0, 64);
    const auto& data = in.object("data", 2);
    const auto& needs = in.object("needs", 2);
    if (out.expires <= out.issued) {
        in.wrong("expires", "is not after \"issued\"");
    }
    if (out.min_seq >= out.seq) {
        in.wrong("min_seq", "is not lower than \"seq\"");
    }
    BERTH_CHECK(in.done());
    for (const auto& entry : components) {
        BERTH_TRY(one, read_component(entry));
        if (out.find(one.id) != nullptr) {
            return fail(bad_document("manifest", "component " + one.id + " stands twice"));
        }
        out.components.push_back(std::move(one));
    }
    for (const auto& entry : dependencies) {
        if (!entry.is_object()) {
            return fail(bad_document("manifest", "a dependency is not an object"));
        }
        reader one(entry.get_object(), "manifest's dependency");
        manifest::dependency d{one.word("class"), one.number("min_seq", 1)};
        BERTH_CHECK(one.done());
        out.dependencies.push_back(std::move(d));
    }
    reader data_in(data, "manifest's data");
    out.data.migrates = data_in.flag("migrates");
    out.data.readable_from = data_in.number("readable_from", 0, out.seq);
    BERTH_CHECK(data_in.done());
    reader needs_in(needs, "manifest's needs");
    out.needs.free_space = needs_in.number("free_space", 0, most_image);
    out.needs.battery_percent = static_cast<unsigned>(needs_in.number("battery_percent", 0, 100));
    BERTH_CHECK(needs_in.done());
    return out;
}

}  // namespace berth::firmware
