import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0010_notice_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='DoorRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(max_length=32)),
                ('number', models.CharField(max_length=128)),
                ('fingerprint', models.CharField(max_length=64)),
                ('locked_until', models.DateTimeField()),
                ('answer', models.TextField(default='')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('door_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orders.doorkey')),
            ],
            options={
                'verbose_name': 'request at a door',
                'verbose_name_plural': 'requests at a door',
                'indexes': [models.Index(fields=['created_at'], name='door_request_created')],
                'constraints': [models.UniqueConstraint(fields=('door_key', 'action', 'number'), name='door_request_once')],
            },
        ),
    ]
