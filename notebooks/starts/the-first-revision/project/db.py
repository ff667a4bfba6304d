"""The database connection: engine, session, Base, get_db."""

from sqlalchemy import MetaData, create_engine
from sqlalchemy.orm import DeclarativeBase, sessionmaker

from coursekit import project_url

SQLALCHEMY_DATABASE_URL = project_url()

engine = create_engine(SQLALCHEMY_DATABASE_URL, hide_parameters=True)
SessionLocal = sessionmaker(autoflush=False, bind=engine)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
