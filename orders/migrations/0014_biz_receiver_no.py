from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0013_checkout"),
    ]

    operations = [
        migrations.AddField(
            model_name="allocationreceiver",
            name="biz_receiver_no",
            field=models.CharField(
                blank=True, default="", max_length=32, verbose_name="merchant's number"
            ),
        ),
        migrations.AddConstraint(
            model_name="allocationreceiver",
            constraint=models.UniqueConstraint(
                condition=models.Q(("biz_receiver_no", ""), _negated=True),
                fields=("application", "biz_receiver_no"),
                name="receiver_biz_receiver_no_once",
            ),
        ),
    ]
