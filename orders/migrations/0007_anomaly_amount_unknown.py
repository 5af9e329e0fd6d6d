from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_store_orders"),
    ]

    operations = [
        migrations.AlterField(
            model_name="anomaly",
            name="amount",
            field=models.BigIntegerField(
                blank=True, null=True, verbose_name="amount at the channel"
            ),
        ),
    ]
