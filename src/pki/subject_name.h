// The one name of a subject that names it for good.
#pragma once

#include "pki/certificate.h"

namespace berth::pki {

// The subject's common name, UTF-8, when there is exactly one. Error `bad_certificate` (peer): there is none, or there are
// several, of which every reader would take another one, or it is no text.
result<std::string> only_common_name(const certificate& c);

}  // namespace berth::pki
