// The record reader and the handshake reader: however a stream is cut, the same messages come out. The first octet is
// the size of the pieces.
#include "authkem/handshake_reader.h"
#include "authkem/record.h"

#include <algorithm>

using namespace berth;

namespace {

// Every message of the handshake records in the stream, and the error at its end.
std::pair<std::vector<bytes>, std::string> read(bytes_view stream, size_t piece) {
    authkem::record_reader records;
    authkem::handshake_reader messages;
    std::vector<bytes> out;
    while (!stream.empty()) {
        bytes_view part = stream.first(std::min(piece, stream.size()));
        stream = stream.subspan(part.size());
        while (true) {
            const auto record = records.next(part);
            if (!record) {
                return {out, record.error().name};
            }
            if (!*record) {
                break;
            }
            if ((*record)->type != authkem::content_type::handshake) {
                continue;
            }
            if (const auto fed = messages.feed((*record)->fragment); !fed) {
                return {out, fed.error().name};
            }
            while (true) {
                const auto type = messages.next_type();
                if (!type) {
                    return {out, type.error().name};
                }
                const auto message = messages.next();
                if (!message) {
                    break;
                }
                if (!*type || **type != message->type) {
                    __builtin_trap();
                }
                out.push_back(to_bytes(message->octets));
            }
        }
    }
    return {out, ""};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const bytes_view stream(data + 1, size - 1);
    if (read(stream, size) != read(stream, size_t{1} + data[0])) {
        __builtin_trap();
    }
    return 0;
}
