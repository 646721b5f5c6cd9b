#include "store/sqlite/lasting_store.h"

#include "store/sqlite/database.h"

namespace berth::store {

result<void> sqlite_lasting_store::note(const registry::identity_name& who, std::string_view what, bool subscribed) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(
            write,
            db_.prepare(subscribed
                            ? "INSERT INTO lasting_subscription SELECT device, module, ?3 FROM identity WHERE device = ?1 AND "
                              "module = ?2 ON CONFLICT DO NOTHING"
                            : "DELETE FROM lasting_subscription WHERE device = ?1 AND module = ?2 AND what = ?3"));
        return write.bind(who.device).bind(who.module).bind(what).run();
    });
}

result<bool> sqlite_lasting_store::has(const registry::identity_name& who, std::string_view what) {
    BERTH_TRY(read, db_.prepare("SELECT 1 FROM lasting_subscription WHERE device = ? AND module = ? AND what = ?"));
    return read.bind(who.device).bind(who.module).bind(what).step();
}

}  // namespace berth::store
