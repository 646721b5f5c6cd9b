// PutAttribute and Query: one tag, one kind of content [stsafea_put_query.h, stsafea_host_key_slot.c, stsafea_commands.c].
#pragma once

#include "keystore/stsafe/commands/command.h"

namespace berth::keystore::stsafe {

// [stsafea_put_query.h] STSAFEA_SUBJECT_TAG_*
enum class attribute : uint8_t {
    envelope_keys = 0x07,
    life_cycle = 0x08,
    password = 0x09,
    i2c = 0x0a,
    product_data = 0x11,
    partitions = 0x12,
    private_key_slot = 0x13,
    private_keys = 0x14,
    host_key = 0x17,
    symmetric_keys = 0x23,
    command_authorization = 0x24,
    command_access = 0x29,
    command_encryption = 0x2a,
    host_key_v2 = 0x47,
    public_keys = 0x48,
    host_key_provisioning = 0x4a,
    symmetric_provisioning = 0x4b,
    public_key_slot = 0x4c,
    public_key_flags = 0x4d,
};

struct query_answer {
    rest content;
    BERTH_FIELDS(content)
};
struct query {
    attribute tag = attribute::life_cycle;
    BERTH_FIELDS(tag)
    static constexpr command_info about{0x14, "Query", repeat::allowed, 5};
    using answer = query_answer;
};

struct put_attribute {
    attribute tag = attribute::life_cycle;
    secret_rest content;
    BERTH_FIELDS(tag, content)
    static constexpr command_info about{0x10, "PutAttribute", repeat::never, time_not_published};
    using answer = no_answer;
};

// ---- contents, of queries unless said otherwise

// [stsafea_put_query.h] stsafea_life_cycle_state_t; also what PutAttribute 08 sets.
enum class life_cycle : uint8_t {
    born = 0x01,
    operational = 0x03,
    terminated = 0x04,
    born_and_locked = 0x81,
    operational_and_locked = 0x83,
};
struct life_cycle_content {
    life_cycle state = life_cycle::born;
    BERTH_FIELDS(state)
};

// [stsafea_host_key_slot.h] stsafea_host_key_slot_t
struct host_key_content {
    uint8_t present = 0;
    wire::uint24 counter;
    BERTH_FIELDS(present, counter)
};
// stsafea_host_key_slot_v2_t, A120
struct host_key_v2_content {
    uint8_t present = 0;
    uint8_t type = 0;  // 0: AES-128, 1: AES-256
    uint32_t counter = 0;
    BERTH_FIELDS(present, type, counter)
};
// PutAttribute 17: stsafea_aes_128_host_keys_t. It goes over the bus in clear: a thing for the factory.
struct host_keys_content {
    secret_octets<16> mac;
    secret_octets<16> cipher;
    BERTH_FIELDS(mac, cipher)
};

// [stsafea_host_key_slot.h] stsafea_host_key_provisioning_ctrl_fields_t, Query and PutAttribute 4A of an A120: how a host key may
// be given.
namespace host_provisioning {
inline constexpr uint8_t wrapped_anonymous = 0x01;  // [model] and agreed on without a proof
inline constexpr uint8_t plaintext = 0x02;
inline constexpr uint8_t reprovision = 0x04;
inline constexpr uint8_t change_right = 0x08;  // of these fields
inline constexpr uint8_t all = 0x0f;
}  // namespace host_provisioning
inline constexpr uint8_t any_public_key = 0xff;  // [model] none is named: each that has the use
struct host_provisioning_content {
    uint8_t flags = host_provisioning::wrapped_anonymous | host_provisioning::plaintext | host_provisioning::change_right;
    uint8_t proved_by = any_public_key;  // the public key slot of who may wrap, or agree
    BERTH_FIELDS(flags, proved_by)
};

// [stse_generic_typedef.h] stse_cmd_access_conditions_t
enum class command_access : uint8_t { never, free, admin, host, admin_or_password, admin_or_host };
inline constexpr uint8_t encrypt_command = 0x02;
inline constexpr uint8_t encrypt_answer = 0x01;

// Query 24, one record: header, for 0x1f the extension, access condition, encryption flags.
struct command_record {
    uint8_t code = 0;
    std::optional<uint8_t> extension;
    command_access access = command_access::free;
    uint8_t encryption = 0;
};
struct command_table {
    uint8_t change_rights = 0;  // bit 0: of the encryption flags, bit 1: of the access conditions
    std::vector<command_record> records;
};
result<command_table> parse_command_table(bytes_view content);
bytes encode(const command_table& table);

// Query 12, one record.
struct partition {
    uint8_t zone = 0;
    uint8_t type = 0;    // 0: data, 1: counter
    uint8_t access = 0;  // bits 4-6 to read, 7 may be changed, 0-2 to update, 3 may be changed
    uint16_t length = 0;
    std::optional<uint32_t> counter;
};
result<std::vector<partition>> parse_partitions(bytes_view content);
bytes encode(const std::vector<partition>& partitions);

// Query 07: stands in the captured answer 02 00 01 00 01 01 00.
struct envelope_key_entry {
    uint8_t slot = 0;
    uint8_t present = 0;
    uint8_t size = 0;
    BERTH_FIELDS(slot, present, size)
};
struct envelope_keys_content {
    uint8_t count = 0;
    rest entries;  // three octets each
    BERTH_FIELDS(count, entries)
};

// [model] Query 09: whether a password is set, and the tries left; PutAttribute 09: the password and the tries it has.
struct password_state_content {
    uint8_t present = 0;
    uint8_t tries = 0;
    BERTH_FIELDS(present, tries)
};
struct password_content {
    secret_octets<16> password;
    uint8_t tries = 0;
    BERTH_FIELDS(password, tries)
};

}  // namespace berth::keystore::stsafe
