#include "hub/mqtt/text.h"

namespace berth::hub {

bool is_mqtt_text(bytes_view text) {
    for (size_t i = 0; i < text.size();) {
        const uint8_t first = text[i];
        const size_t more = first < 0x80                    ? 0
                            : first >= 0xc2 && first < 0xe0 ? 1
                            : first >= 0xe0 && first < 0xf0 ? 2
                            : first >= 0xf0 && first < 0xf5 ? 3
                                                            : 4;
        if (first == 0 || more == 4 || text.size() - i <= more) {
            return false;
        }
        for (size_t k = 1; k <= more; ++k) {
            if ((text[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        const uint8_t second = more > 0 ? text[i + 1] : 0;
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
            (first == 0xf4 && second > 0x8f)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

}  // namespace berth::hub
