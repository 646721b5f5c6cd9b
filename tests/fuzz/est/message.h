// HTTP messages of fuzz inputs: a first line, header lines, an empty line, a body; line ends are LF.
#pragma once

#include "est/http.h"

namespace berth::est {

inline std::string_view take_fuzz_line(std::string_view& in) {
    const size_t end = in.find('\n');
    const std::string_view line = in.substr(0, end);
    in.remove_prefix(end == std::string_view::npos ? in.size() : end + 1);
    return line;
}

inline http_headers take_fuzz_headers(std::string_view& in) {
    http_headers out;
    for (std::string_view line = take_fuzz_line(in); !line.empty(); line = take_fuzz_line(in)) {
        const size_t colon = line.find(": ");
        if (colon != std::string_view::npos) {
            out.add(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
        }
    }
    return out;
}

}  // namespace berth::est
