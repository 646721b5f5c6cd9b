#include "keystore/stsafe/zone_io.h"

#include "base/wipe.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t chunk = 400;  // leaves room for the MAC and padding of a session in 507 octets
constexpr size_t der_head = 4;

}  // namespace

protection strongest(const device& chip) {
    return chip.has_host_session() ? protection::authenticated : protection::automatic;
}

result<std::vector<partition>> read_partitions(device& chip) {
    BERTH_TRY(table, chip.run(query{attribute::partitions}, strongest(chip)));
    return parse_partitions(table.content.value);
}

result<bytes> read_octets(device& chip, uint8_t zone, size_t offset, size_t length, protection how) {
    bytes out;
    out.reserve(length);  // it may be a credential, of which no copy is to stay behind
    while (out.size() < length) {
        const size_t some = std::min(chunk, length - out.size());
        BERTH_TRY(answer,
                  chip.run(read_zone{0, zone, static_cast<uint16_t>(offset + out.size()), static_cast<uint16_t>(some)}, how));
        if (answer.data.value.size() != some) {
            return fail(
                error_category::environment, "stsafe_wrong_answer",
                fmt::format("Zone {} gave {} octets instead of {}; is it a counter?", zone, answer.data.value.size(), some));
        }
        append(out, answer.data.value);
        wipe(answer.data.value);
    }
    return out;
}

result<void> write_octets(device& chip, uint8_t zone, size_t offset, bytes_view data, protection how) {
    for (size_t done = 0; done < data.size(); done += chunk) {
        const bytes_view some = data.subspan(done, std::min(chunk, data.size() - done));
        update_zone command{0, zone, static_cast<uint16_t>(offset + done), {to_bytes(some)}};
        const auto written = chip.run(command, how);
        wipe(command.data.value);
        BERTH_CHECK(written);
    }
    return {};
}

result<pki::certificate> read_certificate(device& chip, uint8_t zone, protection how) {
    // [stse_device_authentication.c] The DER length, in octets 2 and 3, tells how much to read.
    BERTH_TRY(head, read_octets(chip, zone, 0, der_head, how));
    if (head[0] != 0x30 || head[1] != 0x82) {
        return fail(error{error_category::environment, "stsafe_no_certificate",
                          fmt::format("Zone {} of the STSAFE-A holds no certificate; the factory has not written it.", zone)}
                        .with("zone", std::to_string(zone)));
    }
    const size_t size = der_head + static_cast<size_t>(head[2] << 8 | head[3]);
    BERTH_TRY(der, read_octets(chip, zone, 0, size, how));
    return pki::certificate::parse(der);
}

result<uint32_t> read_counter(device& chip, uint8_t zone, protection how) {
    BERTH_TRY(answer, chip.run(read_zone{0, zone, 0, 0}, how));
    wire::reader r(answer.data.value);
    const auto counter = static_cast<uint32_t>(r.integer(4));
    if (!r.ok()) {
        return fail(to_error(status::zone_type, read_zone::about.name));
    }
    return counter;
}

result<uint32_t> decrement_once(device& chip, uint8_t zone, uint32_t amount, protection how) {
    BERTH_TRY(before, read_counter(chip, zone, how));
    const auto answer = chip.run(decrement{0, zone, 0, amount, {}}, how);
    if (answer) {
        return answer->counter;
    }
    if (!answer.error().is("stsafe_answer_lost")) {
        return fail(answer.error());
    }
    const auto after = read_counter(chip, zone, how);
    if (!after) {
        return fail(answer.error());
    }
    if (*after != before) {
        return *after;
    }
    return fail(error_category::environment, "stsafe_not_decremented",
                fmt::format("The counter in zone {} is still {}: the command did not reach the chip.", zone, before));
}

}  // namespace berth::keystore::stsafe
