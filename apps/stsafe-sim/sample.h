// An identity for a new chip, as its maker would have left one: for trying what asks for it.
#pragma once

#include "keystore/stsafe/model/chip.h"

#include <string>

namespace berth::keystore::stsafe::model {

// A key in slot 0 and its certificate in zone 0, by a CA that is made for this one chip: its certificate is written to `file`,
// its key is kept by nobody. A chip that has its identity keeps it. Errors `sample_gone`: it has, and there is no `file`; those
// of files and of the chip.
result<void> give_sample(chip& c, const std::string& file);

}  // namespace berth::keystore::stsafe::model
