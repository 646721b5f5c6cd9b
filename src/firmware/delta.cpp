#include "firmware/delta.h"

#include <bit>
#include <memory>

#include <fmt/format.h>
#include <zstd.h>

namespace berth::firmware {

namespace {

struct freeing {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
    void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

constexpr int least_window = 10, most_window = 31;  // ZSTD_WINDOWLOG_MIN, ZSTD_WINDOWLOG_MAX_64

// The prefix is reached through the window.
int window_for(uint64_t from, uint64_t to) {
    return std::clamp(static_cast<int>(std::bit_width(from + to)), least_window, most_window);
}

}  // namespace

result<bytes> make_delta(bytes_view from, bytes_view to, int level) {
    if (from.size() > most_delta_image || to.size() > most_delta_image) {
        return fail(
            error_category::usage, "too_large",
            fmt::format("Deltas are made between images of at most {} octets; publish the whole image alone.", most_delta_image));
    }
    const std::unique_ptr<ZSTD_CCtx, freeing> zstd(ZSTD_createCCtx());
    bytes out(ZSTD_compressBound(to.size()));
    size_t made = zstd == nullptr ? static_cast<size_t>(-1) : 0;
    const auto set = [&](ZSTD_cParameter what, int value) {
        made = ZSTD_isError(made) != 0U ? made : ZSTD_CCtx_setParameter(zstd.get(), what, value);
    };
    if (zstd != nullptr) {
        set(ZSTD_c_compressionLevel, level);
        set(ZSTD_c_windowLog, window_for(from.size(), to.size()));
        set(ZSTD_c_enableLongDistanceMatching, 1);
        set(ZSTD_c_checksumFlag, 0);  // the manifest has a digest
        made = ZSTD_isError(made) != 0U ? made : ZSTD_CCtx_refPrefix(zstd.get(), from.data(), from.size());
        made = ZSTD_isError(made) != 0U ? made : ZSTD_compress2(zstd.get(), out.data(), out.size(), to.data(), to.size());
    }
    if (ZSTD_isError(made) != 0U) {
        return fail(error_category::environment, "delta_failed",
                    fmt::format("libzstd makes no delta: {}", ZSTD_getErrorName(made)));
    }
    out.resize(made);
    return out;
}

result<void> apply_delta(bytes_view from, bytes_view patch, uint64_t size, const std::function<result<void>(bytes_view)>& out) {
    const auto bad = [](std::string_view why) {
        return fail(error_category::peer, "bad_delta",
                    fmt::format("The delta does not make the new image: {}. The whole image is fetched instead.", why));
    };
    if (from.size() > most_delta_image || size > most_delta_image) {
        return bad("it is larger than deltas are");
    }
    const std::unique_ptr<ZSTD_DCtx, freeing> zstd(ZSTD_createDCtx());
    if (zstd == nullptr || ZSTD_isError(ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, window_for(from.size(), size))) ||
        ZSTD_isError(ZSTD_DCtx_refPrefix(zstd.get(), from.data(), from.size()))) {
        return fail(error_category::environment, "delta_failed", "libzstd has no room for a delta of this size.");
    }
    bytes piece(ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{patch.data(), patch.size(), 0};
    uint64_t made = 0;
    for (size_t left = 1; left != 0;) {
        ZSTD_outBuffer to{piece.data(), piece.size(), 0};
        const size_t before = in.pos;
        left = ZSTD_decompressStream(zstd.get(), &to, &in);
        if (ZSTD_isError(left) != 0U) {
            return bad(ZSTD_getErrorName(left));
        }
        made += to.pos;
        if (made > size) {
            return bad("it makes more than the image has");
        }
        if (to.pos != 0) {
            BERTH_CHECK(out(bytes_view(piece).first(to.pos)));
        }
        if (left != 0 && to.pos == 0 && in.pos == before) {
            return bad("it ends in the middle");
        }
    }
    if (made != size || in.pos != in.size) {
        return bad("it makes less than the image has, or has something behind its end");
    }
    return {};
}

}  // namespace berth::firmware
