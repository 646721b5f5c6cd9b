#include "setup/spoken_serials.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "setup/line_order.h"

#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

std::set<std::string> all_of(const serial_plan& serials) {
    std::set<std::string> out;
    for (size_t i = 0; i < serials.size(); ++i) {
        out.insert(serials.at(i));
    }
    return out;
}

std::optional<std::string> common(const std::set<std::string>& wanted, const serial_plan& serials) {
    for (size_t i = 0; i < serials.size(); ++i) {
        if (std::string serial = serials.at(i); wanted.contains(serial)) {
            return serial;
        }
    }
    return std::nullopt;
}

tl::unexpected<error> serial_ordered(const std::string& serial, const std::string& where, const fs::path& kept) {
    return fail(
        error{error_category::usage, "serial_ordered",
              fmt::format("{} is {}: begin behind its units (--first), or choose other serials. If they are never to be made, "
                          "remove {}",
                          serial, where, kept.string())}
            .with("serial", serial));
}

fs::path lot_file(const fs::path& factory, const fs::path& out) {
    return factory / "lots" / (to_hex(crypto::sha256(as_bytes(out.string())).view().first(16)) + ".json");
}

struct kept_lot {
    serial_plan serials;
    std::string out;
};

result<kept_lot> read_lot(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    auto read = [&text]() -> result<kept_lot> {
        BERTH_TRY(json, wire::parse_json_object(text));
        const auto* const serials = json.if_contains("serials");
        if (serials == nullptr || !serials->is_object()) {
            return fail(error_category::usage, "bad_lot", "\"serials\" must be an object");
        }
        kept_lot out;
        BERTH_TRY(plan, serial_plan::from_json(serials->get_object()));
        out.serials = std::move(plan);
        BERTH_TRY(where, wire::text_member(json, "out"));
        out.out = std::move(where);
        return out;
    }();
    return read ? std::move(read) : fail(std::move(read).error().during(file.string()).with("path", file.string()));
}

}  // namespace

result<void> require_not_spoken_for(const fs::path& factory, const serial_plan& serials, const fs::path& own) {
    const std::set<std::string> wanted = all_of(serials);
    std::error_code ec;
    for (fs::directory_iterator entry(factory / "orders", ec), end; !ec && entry != end; entry.increment(ec)) {
        BERTH_TRY(there, is_there(entry->path() / "order.json"));
        if (!there) {
            continue;  // it never left the house
        }
        BERTH_TRY(terms, read_order(entry->path()));
        if (const auto serial = common(wanted, terms.serials)) {
            return serial_ordered(*serial,
                                  fmt::format("ordered from a line already (\"{}\", order {})", terms.order.name, terms.id),
                                  entry->path());
        }
    }
    if (ec && ec != std::errc::no_such_file_or_directory) {
        return cannot("read directory", factory / "orders", ec);
    }
    ec.clear();
    for (fs::directory_iterator entry(factory / "lots", ec), end; !ec && entry != end; entry.increment(ec)) {
        if (entry->path().extension() != ".json" || entry->path() == lot_file(factory, own)) {
            continue;
        }
        BERTH_TRY(lot, read_lot(entry->path()));
        if (const auto serial = common(wanted, lot.serials)) {
            return serial_ordered(*serial, fmt::format("to be made in {} already", lot.out), entry->path());
        }
    }
    return ec && ec != std::errc::no_such_file_or_directory ? cannot("read directory", factory / "lots", ec) : result<void>();
}

result<void> keep_lot(const fs::path& factory, const serial_plan& serials, const fs::path& out) {
    const fs::path file = lot_file(factory, out);
    BERTH_CHECK(make_directory(file.parent_path(), 0700));
    return write_text(file, wire::to_text(wire::json::object{{"serials", serials.to_json()}, {"out", out.string()}}) + "\n",
                      0600);
}

}  // namespace berth::app
