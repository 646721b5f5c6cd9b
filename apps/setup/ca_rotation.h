// A CA's next key, and what lets both generations be trusted while they overlap (RFC 4210 4.4).
#pragma once

#include "setup/ca_hierarchy.h"

namespace berth::app {

struct rotation {
    std::string name;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
    std::string key_uri = {};
    std::string under = {};  // of an issuing CA: the one above it
    unix_seconds lifetime = 10 * one_year;
};
struct rotated {
    std::string former;  // the name that the old generation has from now on: it still signs its lists
    pki::certificate now;
    // Of a root: OLD's key certified by NEW's, for whoever trusts the new one and meets the old; and the other way round.
    std::optional<pki::certificate> old_with_new = {}, new_with_old = {};
};
// The files of NAME become NAME.N; NAME is the new generation, under the same subject. A root writes NAME.old-with-new.pem and
// NAME.new-with-old.pem, and NAME.anchors.pem: the roots of all generations that have not expired, for trust stores. What was
// interrupted is repeated: nothing has changed until the new generation is complete. Errors of make_authority().
result<rotated> rotate_authority(const ca_directory& in, const rotation& order, const clock& time, random_source& random);

// NAME's word for another root, or a TPM's endorsement certificate: in the log, as all that it issues. Errors of
// pki::cross_sign(), ca::issuer::check_usable().
result<pki::certificate> cross_certify(const ca_directory& in, const std::string& name, const pki::certificate& subject,
                                       unix_seconds lifetime, const clock& time, random_source& random);

}  // namespace berth::app
