// berth chain: a supply chain's signers, one above the other (docs/chain.md).
#pragma once

#include "berth/commands/ca.h"

namespace berth::app {

// show, devices, journal
void add_chain_reading(CLI::App& chain, context& c);

}  // namespace berth::app
