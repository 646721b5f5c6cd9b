// berth hub file: what devices have uploaded, at the machine where it lies.
#include "berth/commands/hub_group.h"
#include "hub/files/blob_name.h"
#include "store/sqlite/file_store.h"

#include <fstream>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

struct options {
    std::string hub, files, name, device, out;
    bool force = false;
};

constexpr size_t at_once = 1'000;
constexpr std::string_view in_a_store = "s3.";  // what contents are called that berthd keeps there

// [hub.files] directory, which is here if nothing else is said there.
fs::path kept_in(const options& o) {
    return (o.files.empty() ? fs::path(o.hub) / "files" : fs::path(o.files)) / "kept";
}

wire::json::object described(const store::kept_file& f) {
    return {{"deviceId", f.device},  {"name", f.name},       {"octets", f.octets},
            {"contentType", f.type}, {"version", f.version}, {"lastUpdatedTime", to_iso8601(f.made)}};
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    store::sqlite_file_store records(*store);
    wire::json::array all;
    const auto device = o.device.empty() ? std::nullopt : std::optional(o.device);
    std::string after_device, after_name;
    for (;;) {
        BERTH_TRY(some, records.list(device, after_device, after_name, at_once));
        for (const auto& one : some) {
            if (c.json) {
                all.push_back(described(one));
            } else {
                fmt::print("{:>12}  {}  {}/{}\n", one.octets, to_iso8601(one.made), one.device, one.name);
            }
        }
        if (some.size() < at_once) {
            break;
        }
        after_device = some.back().device;
        after_name = some.back().name;
    }
    if (c.json) {
        print_json(wire::json::object{{"files", std::move(all)}});
    }
    return {};
}

result<store::kept_file> require_file(store::sqlite_file_store& records, const hub::blob_name& name) {
    BERTH_TRY(found, records.find(name.device, name.name));
    if (!found) {
        return fail(error{error_category::usage,
                          "unknown_file",
                          fmt::format("there is no file \"{}\"; berth hub file list tells what there is", name.text()),
                          {{"name", name.text()}}});
    }
    return std::move(*found);
}

tl::unexpected<error> could_not(const char* what, const fs::path& file) {
    return fail(error{error_category::environment,
                      "file_error",
                      fmt::format("{} cannot be {}; [hub.files] may have another directory: --files", file.string(), what),
                      {{"file", file.string()}}});
}

result<void> get(const context& c, const options& o) {
    BERTH_TRY(name, hub::parse_blob_name(o.name));
    BERTH_TRY(store, read_hub_store(o.hub));
    store::sqlite_file_store records(*store);
    BERTH_TRY(file, require_file(records, name));
    if (file.content.starts_with(in_a_store)) {
        return fail(error{
            error_category::usage,
            "file_in_store",
            fmt::format("\"{0}\" lies in the store of [hub.files.s3], which berthd reads. As an administrator: curl --cacert "
                        "ROOT.pem --cert ADMIN.pem --key ADMIN.key https://HUB/v1/files/{0}",
                        name.text()),
            {{"name", name.text()}}});
    }
    const auto from = kept_in(o) / name.device / file.content;
    if (!o.force && fs::exists(o.out)) {
        return fail(
            error{error_category::usage, "file_exists", fmt::format("{} is there already: --force", o.out), {{"file", o.out}}});
    }
    std::ifstream in(from, std::ios::binary);
    if (!in) {
        return could_not("read", from);
    }
    std::ofstream out(o.out, std::ios::binary | std::ios::trunc);
    if (file.octets > 0) {
        out << in.rdbuf();
    }
    out.close();
    if (!out || !in) {
        return could_not("copied", from);
    }
    if (c.json) {
        auto told = described(file);
        told["file"] = o.out;
        print_json(told);
    } else {
        fmt::print("{} octets of {} are in {}\n", file.octets, name.text(), o.out);
    }
    return {};
}

result<void> remove(const context& c, const options& o) {
    BERTH_TRY(name, hub::parse_blob_name(o.name));
    BERTH_TRY(store, open_hub_store(o.hub));
    store::sqlite_file_store records(*store);
    BERTH_TRY(file, require_file(records, name));
    BERTH_TRY(gone, records.remove(name.device, name.name));
    (void)gone;
    // What no row names any more berthd takes out when it starts, if that fails here; of a store, in a while.
    const auto at = kept_in(o) / name.device / file.content;
    std::error_code why;
    if (!fs::remove(at, why) && why) {
        return could_not("deleted", at);
    }
    if (fs::is_empty(at.parent_path(), why) && !why) {
        fs::remove(at.parent_path(), why);
    }
    if (c.json) {
        print_json(described(file));
    } else {
        fmt::print("{} is deleted\n", name.text());
    }
    return {};
}

}  // namespace

void add_hub_files(CLI::App& hub, context& c) {
    hub_group<options> o(hub, c, "file", "what devices have uploaded");
    const auto of_one = [&o](const char* name, const char* help, hub_group<options>::work does) {
        auto* cmd = o.add_named(name, help, "NAME", "DEVICE/NAME", does);
        cmd->add_option("--files", o->files, "[hub.files] directory, if it is not \"files\" in the hub's");
        return cmd;
    };
    auto* cmd = o.add("list", "all files, or those of one device", list);
    cmd->add_option("--device", o->device, "of this device alone");
    cmd = of_one("get", "copy one", get);
    cmd->add_option("--out", o->out, "where to")->required();
    cmd->add_flag("--force", o->force, "also where there is a file already");
    of_one("delete", "delete one", remove);
}

}  // namespace berth::app
