// The step of the hub's schema that remembers what sessions that outlive their connections have subscribed to, where the hub and
// not the broker says what they are sent: what is wanted of them, and direct methods.
#pragma once

namespace berth::store {

inline constexpr const char* hub_lasting = R"sql(
CREATE TABLE lasting_subscription (
    device TEXT NOT NULL,
    module TEXT NOT NULL,
    what   TEXT NOT NULL,
    PRIMARY KEY (device, module, what)
) WITHOUT ROWID;
CREATE TRIGGER lasting_subscriptions_go AFTER DELETE ON identity BEGIN
    DELETE FROM lasting_subscription WHERE device = old.device AND module = old.module;
END;
)sql";

}  // namespace berth::store
