#include "keystore/stsafe/commands/attributes.h"

namespace berth::keystore::stsafe {

result<command_table> parse_command_table(bytes_view content) {
    wire::reader r(content);
    command_table out;
    out.change_rights = static_cast<uint8_t>(r.integer(1));
    const auto count = static_cast<size_t>(r.integer(1));
    for (size_t i = 0; i < count && r.ok(); ++i) {
        command_record record;
        record.code = static_cast<uint8_t>(r.integer(1));
        if (record.code == extended_prefix) {
            record.extension = static_cast<uint8_t>(r.integer(1));
        }
        record.access = static_cast<command_access>(r.integer(1));
        record.encryption = static_cast<uint8_t>(r.integer(1));
        out.records.push_back(record);
    }
    if (r.ok() && r.left() != 0) {
        r.fault("octets are left over at the end of a command table");
    }
    if (!r.ok()) {
        return fail(r.to_error());
    }
    return out;
}

bytes encode(const command_table& table) {
    bytes out{table.change_rights, static_cast<uint8_t>(table.records.size())};
    for (const command_record& record : table.records) {
        out.push_back(record.code);
        if (record.extension) {
            out.push_back(*record.extension);
        }
        out.push_back(static_cast<uint8_t>(record.access));
        out.push_back(record.encryption);
    }
    return out;
}

result<std::vector<partition>> parse_partitions(bytes_view content) {
    wire::reader r(content);
    std::vector<partition> out;
    const auto count = static_cast<size_t>(r.integer(1));
    for (size_t i = 0; i < count && r.ok(); ++i) {
        partition p;
        p.zone = static_cast<uint8_t>(r.integer(1));
        p.type = static_cast<uint8_t>(r.integer(1));
        p.access = static_cast<uint8_t>(r.integer(1));
        p.length = static_cast<uint16_t>(r.integer(2));
        if (p.type == 1) {
            p.counter = static_cast<uint32_t>(r.integer(4));
        }
        out.push_back(p);
    }
    if (r.ok() && r.left() != 0) {
        r.fault("octets are left over at the end of a table of zones");
    }
    if (!r.ok()) {
        return fail(r.to_error());
    }
    return out;
}

bytes encode(const std::vector<partition>& partitions) {
    bytes out;
    wire::writer w(out);
    w.integer(partitions.size(), 1);
    for (const partition& p : partitions) {
        w.integer(p.zone, 1);
        w.integer(p.type, 1);
        w.integer(p.access, 1);
        w.integer(p.length, 2);
        if (p.counter) {
            w.integer(*p.counter, 4);
        }
    }
    return out;
}

}  // namespace berth::keystore::stsafe
