// Images made out of others: zstd with the old image as prefix (ZSTD_CCtx_refPrefix: what `zstd --patch-from` does),
// docs/decisions/0015.
#pragma once

#include "base/bytes.h"

#include <functional>

namespace berth::firmware {

// Both images and the window between them must be addressable: at most 1 GiB each.
inline constexpr uint64_t most_delta_image = uint64_t{1} << 30;

// Errors `too_large` (usage), `delta_failed`.
result<bytes> make_delta(bytes_view from, bytes_view to, int level = 19);

// Gives `size` octets of the new image to `out` in pieces, and says whether the patch came out even. The caller has made sure
// that `from` is the image that the manifest names, and judges the digest of what comes out. Errors `bad_delta` (peer): the patch
// is damaged, for another image, or makes less or more than `size`; those of `out`.
result<void> apply_delta(bytes_view from, bytes_view patch, uint64_t size, const std::function<result<void>(bytes_view)>& out);

}  // namespace berth::firmware
