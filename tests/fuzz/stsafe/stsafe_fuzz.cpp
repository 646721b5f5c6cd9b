// Both ends of the bus: answers as the driver reads them, packets and tables; and commands, well framed or not, to the model of a
// chip, whose answers must always be answers and whose counters must never rise.
#include "keystore/stsafe/model/connection.h"

#include <cstdlib>

namespace {

using namespace berth;
using namespace berth::keystore::stsafe;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// The same at every run.
class steady_random final : public random_source {
public:
    void fill(std::span<uint8_t> out) override {
        for (uint8_t& octet : out) {
            octet = static_cast<uint8_t>(state_ = state_ * 1103515245U + 12345U) >> 1 | 1;
        }
    }

private:
    uint32_t state_ = 1;
};

void read_as_host(bytes_view octets) {
    if (const auto answer = decode_answer(octets, most_frame_a120)) {
        require(same_octets(encode(*answer), octets));
    }
    if (const auto command = decode_command(octets, most_frame_a120)) {
        require(same_octets(encode(*command), octets));
    }
    if (const auto packet = bus::decode(octets)) {
        require(same_octets(bus::encode(*packet), octets));
    }
    if (const auto table = parse_command_table(octets)) {
        require(same_octets(encode(*table), octets));
    }
    if (const auto zones = parse_partitions(octets)) {
        require(same_octets(encode(*zones), octets));
    }
}

std::vector<uint32_t> counters(const model::chip& chip) {
    std::vector<uint32_t> out;
    for (const auto& zone : chip.state().zones.items) {
        out.push_back(zone.counter);
    }
    return out;
}

void one_frame(model::chip& chip, bytes_view frame) {
    const auto before = counters(chip);
    if (!chip.write(frame)) {
        return;
    }
    const auto head = chip.read(least_answer_size);
    require(head.has_value());
    const auto size = answer_size(*head, most_frame_a110);
    require(size.has_value());
    const auto whole = chip.read(*size);
    require(whole && decode_answer(*whole, most_frame_a110));
    const auto after = counters(chip);
    for (size_t i = 0; i < before.size(); ++i) {
        require(after[i] <= before[i]);
    }
}

}  // namespace

// Frames, each after its length in one octet. An odd length: the frame has its CRC already; an even one: it gets the right one.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    bytes_view left(data, size);
    read_as_host(left);
    steady_random random;
    model::memory_store store;
    auto chip = model::chip::power_on(store, random);
    require(chip.has_value());
    for (int frames = 0; frames < 32 && !left.empty(); ++frames) {
        const size_t length = left[0];
        left = left.subspan(1);
        bytes frame = to_bytes(left.first(std::min(length, left.size())));
        left = left.subspan(frame.size());
        if (length % 2 == 0) {
            const uint16_t crc = crc16(frame);
            frame.push_back(static_cast<uint8_t>(crc >> 8));
            frame.push_back(static_cast<uint8_t>(crc));
        }
        one_frame(*chip, frame);
    }
    require(wire::encode(chip->state()).has_value());
    return 0;
}
