// Fails and skips on purpose: CTest must call the whole program failed (WILL_FAIL turns that into a pass).
#include <QtTest>

class FailedAndSkipped : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void fails() { QVERIFY2(false, "on purpose"); }
    void skips() { QSKIP("on purpose"); }
};

QTEST_GUILESS_MAIN(FailedAndSkipped)
#include "failed_and_skipped.moc"
