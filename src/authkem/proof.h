// Proof tokens. Each is made in one place only, by the function that did the check it stands for, and is
// consumed by what must not happen without that check: skipping one does not compile.
#pragma once

namespace berth::authkem {

class handshake_reader;
class master_stage;

// Move-only, no public constructor: the base of every token. `Maker` is the only class that can make one.
template <class Maker>
class proof {
public:
    proof(proof&&) noexcept = default;
    proof& operator=(proof&&) noexcept = default;
    proof(const proof&) = delete;
    proof& operator=(const proof&) = delete;

private:
    proof() = default;
    friend Maker;
};

// The record that carried the last message has nothing after it. Demanded wherever a read key changes.
using record_boundary = proof<handshake_reader>;

// The peer's Finished was equal to what the key schedule demands. Demanded by `session`, and with it by
// completion, the exporter, the peer's chain and application data. It also proves possession of the key
// encapsulated to, because nobody else can derive the Finished key.
using finished_verified = proof<master_stage>;

}  // namespace berth::authkem
