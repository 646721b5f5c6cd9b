// Where keys are kept while they are measured: one place of each kind with a P-256 key and a mlkem768_p256 key, made when they
// are first asked for, gone with the process.
#pragma once

#include "keystore/calls.h"

namespace berth::keystore::bench {

key_names in_files();
// With a storage root at 0x81000001, as who provisions TPMs leaves them.
key_names in_tpm();
std::string tcti_of_tpm();
key_names in_element();
std::string socket_of_element();
key_names in_token();
std::string module_of_token();

// Why nothing can be measured there; empty: it can.
std::string not_there(const std::string& backend);

}  // namespace berth::keystore::bench
