// The step of the hub's schema that brings what stays of identities whose certificates were ended when they are deleted.
#pragma once

namespace berth::store {

// Or whoever has such a certificate would be let in again as soon as somebody makes the identity anew.
inline constexpr const char* hub_ended = R"sql(
CREATE TABLE ended_certificates (
    device       TEXT NOT NULL,
    module       TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    epoch_raised INTEGER NOT NULL,
    PRIMARY KEY (device, module)
) WITHOUT ROWID;
CREATE TRIGGER certificates_stay_ended AFTER DELETE ON identity WHEN old.epoch > 0 BEGIN
    INSERT INTO ended_certificates VALUES (old.device, old.module, old.epoch, old.epoch_raised)
        ON CONFLICT DO UPDATE SET epoch = excluded.epoch, epoch_raised = excluded.epoch_raised;
END;
CREATE TRIGGER certificates_are_ended AFTER INSERT ON identity BEGIN
    UPDATE identity SET
        epoch = (SELECT e.epoch FROM ended_certificates AS e WHERE e.device = new.device AND e.module = new.module),
        epoch_raised = (SELECT e.epoch_raised FROM ended_certificates AS e WHERE e.device = new.device AND e.module = new.module)
        WHERE device = new.device AND module = new.module AND EXISTS
            (SELECT 1 FROM ended_certificates AS e WHERE e.device = new.device AND e.module = new.module AND e.epoch > new.epoch);
    DELETE FROM ended_certificates WHERE device = new.device AND module = new.module;
END;
)sql";

}  // namespace berth::store
