// The step of the hub's schema that lets what OCSP responders say be asked for by CA, and end with its certificate.
#pragma once

namespace berth::store {

inline constexpr const char* hub_statuses = R"sql(
ALTER TABLE certificate_status ADD COLUMN ends   INTEGER NOT NULL DEFAULT 0;  -- when the certificate does; 0: not noted
ALTER TABLE certificate_status ADD COLUMN holder TEXT NOT NULL DEFAULT '';    -- the device or module; '': a CA, or not noted
DROP INDEX certificate_status_due;
CREATE INDEX certificate_status_due ON certificate_status (issuer, due);
CREATE INDEX certificate_status_ends ON certificate_status (ends) WHERE ends <> 0;
CREATE INDEX certificate_status_holder ON certificate_status (holder, wanted) WHERE holder <> '';
)sql";

}  // namespace berth::store
