// The step of the hub's schema that brings the revocation lists of CAs below registered ones.
#pragma once

namespace berth::store {

inline constexpr const char* hub_signers = R"sql(
CREATE TABLE signer_list (
    authority INTEGER NOT NULL REFERENCES authority (id) ON DELETE CASCADE,
    key       BLOB NOT NULL,          -- SHA-256 of the signer's: a certificate that was renewed has the same list
    signer    BLOB NOT NULL,          -- its certificate
    list      BLOB NOT NULL,
    UNIQUE (authority, key)
);
)sql";

}  // namespace berth::store
