from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0007_anomaly_amount_unknown"),
    ]

    operations = [
        migrations.AddField(
            model_name="payorder",
            name="return_url",
            field=models.CharField(
                blank=True, default="", max_length=256, verbose_name="return URL"
            ),
        ),
    ]
