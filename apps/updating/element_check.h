// What a secure element says of a manifest: besides what Berth has verified, for who trusts a chip's key that nobody can replace.
#pragma once

#include "firmware/document.h"

namespace berth::app {

// `chip`: "stsafe:device=..."; `zone`: of the key that `berth se firmware trust` put there. The chip verifies the manifest's
// signature of that key (ES256 or ES384). Errors `element_signature_missing`: the document has none of it;
// `firmware_signature_invalid`; those of the chip.
result<void> verify_by_element(const firmware::document& d, const std::string& chip, uint8_t zone);

}  // namespace berth::app
