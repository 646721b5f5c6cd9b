// The step of the hub's schema that brings individual enrolments by TPM, and what twins begin with.
#pragma once

namespace berth::store {

inline constexpr const char* hub_tpm = R"sql(
ALTER TABLE enrolment ADD COLUMN tpm_ek  BLOB NOT NULL DEFAULT x'';
ALTER TABLE enrolment ADD COLUMN tpm_srk BLOB NOT NULL DEFAULT x'';
ALTER TABLE enrolment ADD COLUMN desired TEXT NOT NULL DEFAULT '';
)sql";

}  // namespace berth::store
