// Keys in an STSAFE-A by name: stsafe/uri.h.
#pragma once

#include "keystore/backend.h"

namespace berth::keystore::stsafe {

const backend& stsafe_backend();

}  // namespace berth::keystore::stsafe
