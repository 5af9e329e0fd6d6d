"""Indexes behind the order list of 知晓云's door: by time of payment, and by what was told there."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0011_door_requests")]

    operations = [
        migrations.AddIndex(
            model_name="payorder",
            index=models.Index(
                condition=models.Q(("paid_at__isnull", False)),
                fields=["application", "paid_at", "id"],
                name="pay_application_paid",
            ),
        ),
        migrations.AddIndex(
            model_name="payorder",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("door", "minapp")),
                fields=["door_data"],
                name="pay_minapp_told",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
